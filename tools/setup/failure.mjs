/** What is missing on this machine, and how to get it: one line each. */
export class SetupFailure extends Error {
  /**
   * @param {string} message what is missing
   * @param {string} next how to get it
   */
  constructor(message, next) {
    super(message);
    this.name = "SetupFailure";
    this.next = next;
  }
}

/**
 * Turns a cache that cannot be written into what to do about it; anything else stays what it is.
 *
 * @param {unknown} error
 * @returns {unknown}
 */
export function toSetupFailure(error) {
  const { code, path, message } = /** @type {NodeJS.ErrnoException} */ (error);
  if (!["EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR"].includes(code ?? "")) return error;
  return new SetupFailure(
    `${path ?? "the cache"} cannot be written (${message})`,
    "make it writable, or name a folder for the cache with SALLYPORT_CACHE",
  );
}
