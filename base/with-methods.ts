/** The same object with some methods replaced. The others run on the object itself, so that its private fields stay its own. */
export function withMethods<T extends object>(object: T, methods: object): T {
  const bound = new Map<PropertyKey, unknown>(Object.entries(methods));
  return new Proxy(object, {
    get(target, key) {
      const known = bound.get(key);
      if (known !== undefined) return known;
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      const method: unknown = value.bind(target);
      bound.set(key, method);
      return method;
    },
  });
}
