/**
 * What a query had written before it failed comes out of its connection before the answer to the next one, and nothing
 * tells them apart (chDB 3.4, ClickHouse 26.7: a timeout or a limit after the first block is enough). So a failure
 * waits until something else was asked on the connection, whose answer nobody reads.
 */
export async function wholeAnswer<Answer>(
  query: () => Promise<Answer>,
  discard: () => Promise<unknown>,
): Promise<Answer> {
  try {
    return await query();
  } catch (error) {
    // Where this fails as well the connection is gone, and says so to whoever asks next.
    await discard().catch(() => {});
    throw error;
  }
}

/** Queries of one connection, one after the other, so that none comes between a failure and its rest. */
export class WholeAnswers {
  readonly #discard: () => Promise<unknown>;
  #last: Promise<unknown> = Promise.resolve();

  /** @param discard asks something on the connection, and throws the answer away */
  constructor(discard: () => Promise<unknown>) {
    this.#discard = discard;
  }

  run<Answer>(query: () => Promise<Answer>): Promise<Answer> {
    const answer = this.#last.then(() => wholeAnswer(query, this.#discard));
    this.#last = answer.catch(() => {});
    return answer;
  }
}
