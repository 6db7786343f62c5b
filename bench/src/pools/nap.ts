/** A call that keeps its worker for a moment, so that as many at once meet as many workers. */
export const nap = (ms: number): Promise<number> => new Promise((resolve) => setTimeout(resolve, ms, ms))
