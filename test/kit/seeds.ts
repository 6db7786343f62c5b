/** How much of everything the laws run: small enough for CI, and far more under `SKEIN_SOAK=1`. */

/** Whether this is the run at full size (`pnpm soak`). */
export const soak = process.env["SKEIN_SOAK"] === "1"

/** Schedules under which each law is checked, for each subject. */
export const seeds = soak ? 40_000 : 2_000

/** Schedules of which every step is interrupted, for each subject. */
export const sweepSeeds = soak ? 60 : 3

/** Random programs, each a law test of its own. */
export const programs = soak ? 400_000 : 6_000

/** Schedules for each random program. */
export const schedulesPerProgram = 3
