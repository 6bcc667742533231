-- One row an event (contracts §6). The order key serves the questions that are asked of a session: its events in
-- their order, and its chain. Other questions are by time (partitions, and the minmax index that a partition key
-- brings), by exchange, by decision and by approval (bloom filters).
--
-- Codecs: seq and at grow steadily within a session (Delta); text that repeats from row to row is LowCardinality.
-- Hashes and ids are hex: no repeats for LZ4 to find, but ZSTD's entropy coder halves them (189 to 121 bytes an event).
-- Payloads repeat from row to row: level 1 of ZSTD leaves 37 bytes of one where level 3 leaves 42. A decision's id is in
-- the payload, and only there: as a column it would be 12 bytes again; who looks for one reads the granule that the filter names.
CREATE TABLE IF NOT EXISTS events
(
    tenant         LowCardinality(String),
    session_id     String,
    writer         LowCardinality(String),
    seq            UInt64 CODEC(Delta, ZSTD(1)),
    at             DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    kind           LowCardinality(String),
    exchange_id    String CODEC(ZSTD(1)),
    issuer         LowCardinality(String),
    username       LowCardinality(String),
    groups         Array(LowCardinality(String)),
    connection     LowCardinality(String),
    verb           LowCardinality(String),
    api_group      LowCardinality(String),
    resource       LowCardinality(String),
    subresource    LowCardinality(String),
    namespace      LowCardinality(String),
    name           String CODEC(ZSTD(1)),
    path           String CODEC(ZSTD(1)),
    status         UInt16,
    effect         LowCardinality(String),
    rules          Array(LowCardinality(String)),
    approval_id    String CODEC(ZSTD(1)),
    break_glass    Bool,
    masked_fields  Array(String) CODEC(ZSTD(1)),
    record_level   LowCardinality(String),
    revision       LowCardinality(String),
    digest         String CODEC(ZSTD(1)),
    user_agent     LowCardinality(String),
    source_ip      LowCardinality(String),
    prompt_id      String CODEC(ZSTD(1)),
    tool_use_id    String CODEC(ZSTD(1)),
    duration_us    UInt64 CODEC(T64, ZSTD(1)),
    request_bytes  UInt64 CODEC(T64, ZSTD(1)),
    response_bytes UInt64 CODEC(T64, ZSTD(1)),
    request_body   String CODEC(ZSTD(1)),
    response_body  String CODEC(ZSTD(1)),
    payload        String CODEC(ZSTD(1)),
    prev_hash      String CODEC(ZSTD(1)),
    hash           String CODEC(ZSTD(1)),
    decision_id    String ALIAS JSONExtractString(payload, 'decisionId'),
    INDEX by_exchange exchange_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_approval approval_id TYPE bloom_filter(0.01) GRANULARITY 4,
    INDEX by_decision JSONExtractString(payload, 'decisionId') TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (tenant, session_id, writer, seq)
-- The spool is let go once an insert has returned, so an insert must outlive the machine.
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, non_replicated_deduplication_window = 1000, index_granularity = 8192
;
-- Contents by their SHA-256: the same manifest applied a thousand times is kept once.
CREATE TABLE IF NOT EXISTS bodies
(
    tenant  LowCardinality(String),
    sha256  String,
    size    UInt64,
    content String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, sha256)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
