/** How much of everything the laws run: small enough for CI, and far more under `SKEIN_SOAK=1`. */

/** Whether this is the run at full size (`pnpm soak`). */
export const soak = process.env["SKEIN_SOAK"] === "1"

/** Schedules under which each law is checked, on each engine: subjects that stand on the same one share them, each with seeds of its own. */
export const seeds = soak ? 100_000 : 2_000

/** How many times more that is than in CI. */
export const soakFactor = soak ? 50 : 1

/** Schedules of which the steps are interrupted one after the other, for each subject. */
export const sweepSeeds = soak ? 25 : 1

/** Interrupted runs for one such schedule; where there are more steps than this, every second one is tried, and so on, from a subject's own seed. */
export const sweepRuns = soak ? 100_000 : 500

/** Of both, how much a subject has that stands on another subject's engine: streams, executors, fan-outs, limiters. */
export const derivedShare = soak ? 1 : 0.4

/** Random programs, each a law test of its own. */
export const programs = soak ? 400_000 : 6_000

/** Schedules for each random program. */
export const schedulesPerProgram = 3
