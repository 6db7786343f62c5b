/**
 * Who is excused from which law, and why. The law's text runs on the excused subject all the same and must be broken as `shows` says: an excuse that is no longer needed fails.
 */
import type { Subject } from "./subject.ts"

export interface Excuse {
  /** The law by its title. */
  readonly law: string
  /** The subjects by their names. */
  readonly subjects: RegExp
  readonly why: string
  /** What the law's text says when it runs on them. */
  readonly shows: RegExp
}

const noHandles = "what it gives holds outcomes, marked as abandoned, and no handles"
const ownError = "a joiner fails with an error of its own, which holds the result"
const aRace =
  "copies are fibers of their own, and what one of them gives or fails with when it was asked to stop is lost as in plain Effect"

const withoutHandles = /^parallelStream|^ParallelExecutorStream|^fanOut, Joiner\.reduce|^Engine/
const decidesEarly = /^fanOut, Joiner\.all that interrupts/

export const excuses: ReadonlyArray<Excuse> = [
  {
    law: "law 1: what does not end within the grace is listed as abandoned, and only that goes on",
    subjects: withoutHandles,
    why: noHandles,
    shows: /left 1 fiber behind: fiber \d+ (?:"stubborn" )?sleeps until 50 ms/
  },
  {
    law: "law 9: a task that is abandoned keeps its outcome, and its real end is told to who asks",
    subjects: withoutHandles,
    why: noHandles,
    shows: /undefined \(reading 'await'\)/
  },
  {
    law: "law 3: an outcome is never changed after it was returned",
    // `best` gives one value, and its result only when there is none.
    subjects: /^parallelStream|^ParallelExecutorStream|^fanOut, Joiner\.(?:reduce|best)|^Engine/,
    why: noHandles,
    shows: /both were abandoned/
  },
  {
    law: "law 3: one outcome per input, in input order, also for inputs that never started",
    subjects: /^parallelStream over an array .* interrupt$/,
    why: "when it fails it gives the outcomes of all that started, and no others before its error",
    shows: /a source of unknown size that was not read to its end is not exhausted/
  },
  {
    law: "law 13: observers see every outcome, those of tasks that never started too",
    subjects: /^parallelStream over an array|^ParallelExecutorStream/,
    why: "whoever leaves a stream is not told of what was never pulled",
    shows: /seen: got \[0 cancelled\], wanted/
  },
  {
    law: "law 3: empty input",
    subjects: /^fanOut, Joiner\.best/,
    why: "there is no best of nothing",
    shows: /exit: got Failure, wanted Success/
  },
  {
    law: "law 4: an abandoned task keeps its place until it really ends",
    subjects: decidesEarly,
    why: "it decides at the first task that does not complete, and starts no other",
    shows: /left 1 fiber behind/
  },
  {
    law: "law 5: fails with exactly one typed failure, the original, once the others are cleaned up",
    subjects: decidesEarly,
    why: ownError,
    shows: /the original/
  },
  {
    law: "law 5: Effect.catch sees the typed error whatever the others' cleanup does",
    subjects: decidesEarly,
    why: ownError,
    shows: /caught JoinError: all: .*first: task 1 failed: Error: error of bad/
  },
  {
    law: "law 5: nothing that was finished is lost, and a cancelled task is never called failed or timed out",
    subjects: decidesEarly,
    why: "the others are cancelled because the joiner has decided, not because of a sibling",
    shows: /outcomes: got \[completed, failed, cancelled \w+, cancelled \w+, completed late, completed\]/
  },
  {
    law: "law 5: nothing that was finished is lost, and a cancelled task is never called failed or timed out",
    subjects: /^Hedge\.run/,
    why: aRace,
    shows: /values: got \[value of done, value of queued\]/
  },
  {
    law: "law 6: each failure appears exactly once, with the name and index of its task",
    subjects: /^Hedge\.run/,
    why: aRace,
    shows: /lost or doubled: got \[cleanup error of fails in cleanup, cleanup error of dies in cleanup, error of fails late\]/
  },
  {
    law: "law 6: a task that dies with undefined or with something that is no error has failed all the same",
    subjects: /^Engine.*kept in a store$/,
    why: "what a job that is kept fails with fits the schema of its task, or it dies of that",
    shows: /does not fit its error schema: Expected string/
  },
  {
    law: "law 9: a task that completes although it was asked to stop is completed, and late",
    subjects: /^Hedge\.run/,
    why: aRace,
    shows: /outcomes: got \[timeout call, completed, timeout call\]/
  },
  {
    law: "law 9: a task that is abandoned keeps its outcome, and its real end is told to who asks",
    subjects: /^Hedge\.run/,
    why: aRace,
    shows: /the real end is its value/
  }
]

export const excuseOf = (law: string, { name }: Subject): Excuse | undefined =>
  excuses.find((excuse) => excuse.law === law && excuse.subjects.test(name))
