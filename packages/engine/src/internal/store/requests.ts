/** What the stores agree on about requests. */

/** How many refused requests are kept: those who asked read the reason there, and need not come for it. */
export const keptRefusals = 1_000
