/** What a pool and its processes share beside their pipes. */

/** The file descriptors of a worker process beyond the standard ones. */
export const callsFd = 3
export const answersFd = 4
/** A file in which each slot has three words: the last call that has started in it, that was taken back from it, and whose module is being loaded. */
export const boardFd = 5
export const slotBytes = 12
export const startedAt = 0
export const revokedAt = 4
export const loadingAt = 8
