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
