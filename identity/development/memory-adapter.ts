import type { Adapter, AdapterPayload } from "oidc-provider";

interface Stored {
  payload: AdapterPayload;
  expiresAt: number;
}

/** One issuer's state, for as long as the process runs; it outlives the providers that rotating keys swaps. */
export function memoryAdapter(): (model: string) => Adapter {
  const store = new Map<string, Stored>();
  const live = (key: string): AdapterPayload | undefined => {
    const stored = store.get(key);
    if (stored !== undefined && stored.expiresAt > Date.now()) return stored.payload;
    store.delete(key);
    return undefined;
  };
  const where = (model: string, property: "uid" | "userCode", value: string): AdapterPayload | undefined => {
    for (const key of store.keys()) {
      if (key.startsWith(`${model}:`) && live(key)?.[property] === value) return live(key);
    }
    return undefined;
  };
  return (model) => ({
    async upsert(id, payload, expiresIn) {
      const expiresAt = expiresIn === undefined ? Number.POSITIVE_INFINITY : Date.now() + expiresIn * 1000;
      store.set(`${model}:${id}`, { payload, expiresAt });
    },
    find: async (id) => live(`${model}:${id}`),
    findByUid: async (uid) => where(model, "uid", uid),
    findByUserCode: async (userCode) => where(model, "userCode", userCode),
    async consume(id) {
      const payload = live(`${model}:${id}`);
      if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000);
    },
    destroy: async (id) => void store.delete(`${model}:${id}`),
    async revokeByGrantId(grantId) {
      for (const [key, { payload }] of store) if (payload.grantId === grantId) store.delete(key);
    },
  });
}
