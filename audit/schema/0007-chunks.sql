-- A large content is parted (audit/recorder/contents.ts): `chunks` lists the SHA-256 of its parts in their order, each
-- a row of its own, and `content` is empty. What two contents share is kept once. Read them by audit/bodies.ts.
ALTER TABLE bodies ADD COLUMN IF NOT EXISTS chunks Array(String) CODEC(ZSTD(1))
