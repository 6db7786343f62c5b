/**
 * Makes of the outcomes what the report shows: sums, groups, the slowest, and a digest. Plain data, the same for the screen and for `--json`.
 */
import { type GatherResult, Outcome } from "@skein/core"
import { TaskRunnerError } from "@skein/parallel/TaskRunner"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import { createHash } from "node:crypto"
import { type Analysis, type AnalysisError, Generated, NoText } from "./analysis.ts"
import type { Input } from "./inputs.ts"
import type { Vocabulary } from "./words.ts"

export interface Summary {
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly timedOut: number
  readonly cancelled: number
  readonly notStarted: number
  /** Whether it was stopped, or out of time, before every file had its turn to the end. */
  readonly partial: boolean
  /** From the start until the call returned. */
  readonly millis: number
  /** From the start until the last file was answered. What hangs is waited for longer, until its time is over; that says nothing about speed. */
  readonly working: number
  readonly bytes: number
  /** After gzip, each file for itself. */
  readonly compressed: number
  readonly lines: number
  readonly words: number
  readonly distinctWords: number
  /** How many files have the fingerprint of an earlier one: copies, or nearly. */
  readonly copies: number
  /** SHA-256 over name and answer of every file, in input order, whatever the order in which they were done. */
  readonly digest: string
  readonly failures: ReadonlyArray<Group>
  readonly slowest: ReadonlyArray<{
    readonly name: string
    readonly millis: number
    readonly bytes: number | undefined
    readonly status: string
  }>
  readonly languages: ReadonlyArray<{ readonly language: string; readonly files: number; readonly bytes: number; readonly lines: number }>
  readonly topWords: ReadonlyArray<{ readonly word: string; readonly count: number }>
}

/** Inputs that ended badly in the same way. */
export interface Group {
  readonly kind: string
  readonly why: string
  readonly names: ReadonlyArray<string>
}

/** By the name of an input what was found out about it, without anything that depends on time, order, place or machine. What a clock or a person ended has no answer. */
export type Answers = ReadonlyMap<string, string>

/** What is kept of a file: its words are counted with those of all. */
type Kept = Omit<Analysis, "tally">
type Result = GatherResult.GatherResult<Kept, AnalysisError>

export const summarize = (
  inputs: ReadonlyArray<Input>,
  result: Result,
  vocabulary: Vocabulary
): { readonly summary: Summary; readonly answers: Answers } => {
  const { cancelled, completed, failed, notStarted, timedOut, total } = result
  const nameOf = (outcome: Outcome.Outcome<unknown, unknown>) => inputs[outcome.index]!.name
  const done = result.outcomes.filter((outcome) => outcome._tag === "Completed")
  const digest = createHash("sha256")
  const answers = new Map<string, string>()
  const failures = new Map<string, { readonly kind: string; readonly why: string; readonly names: Array<string> }>()
  for (const outcome of result.outcomes) {
    const name = nameOf(outcome)
    const trouble = troubleOf(outcome)
    const answer = outcome._tag === "Completed" ? answerOf(outcome.value) : (trouble?.kind ?? outcome.status)
    digest.update(`${name}\t${answer}\n`)
    if (outcome._tag === "Completed" || outcome._tag === "Failed") answers.set(name, answer)
    if (trouble === undefined) continue
    const group = failures.get(trouble.kind + trouble.why) ?? { ...trouble, names: [] }
    failures.set(trouble.kind + trouble.why, group)
    group.names.push(name)
  }
  const languages = new Map<string, { files: number; bytes: number; lines: number }>()
  for (const outcome of done) {
    const language = languageOf(nameOf(outcome))
    const sum = languages.get(language) ?? { files: 0, bytes: 0, lines: 0 }
    languages.set(language, { files: sum.files + 1, bytes: sum.bytes + outcome.value.bytes, lines: sum.lines + outcome.value.lines })
  }
  const ran = (outcome: Outcome.Outcome<unknown, unknown>) => (outcome.ranFor === undefined ? 0 : Duration.toMillis(outcome.ranFor))
  const starts = Math.min(...result.outcomes.map(({ startedAt = Infinity }) => startedAt))
  const ends = result.outcomes.map((outcome) => (outcome._tag === "Completed" || outcome._tag === "Failed" ? (outcome.endedAt ?? 0) : 0))
  const sum = (of: (analysis: Kept) => number) => done.reduce((before, outcome) => before + of(outcome.value), 0)
  const summary: Summary = {
    total,
    completed,
    failed,
    timedOut,
    cancelled,
    notStarted,
    partial: cancelled + notStarted > 0 || result.outcomes.some((outcome) => outcome._tag === "TimedOut" && outcome.limit === "call"),
    millis: Duration.toMillis(result.elapsed),
    working: Math.max(0, Math.max(...ends) - starts),
    bytes: sum(({ bytes }) => bytes),
    compressed: sum(({ compressed }) => compressed),
    lines: sum(({ lines }) => lines),
    words: sum(({ words }) => words),
    distinctWords: vocabulary.size,
    copies: done.length - new Set(done.map(({ value }) => value.fingerprint)).size,
    digest: digest.digest("hex"),
    failures: [...failures.values()].sort((a, b) => b.names.length - a.names.length || (a.kind < b.kind ? -1 : 1)),
    slowest: [...result.outcomes]
      .sort((a, b) => ran(b) - ran(a))
      .slice(0, 6)
      .filter((outcome) => outcome.ranFor !== undefined)
      .map((outcome) => ({
        name: nameOf(outcome),
        millis: ran(outcome),
        bytes: Outcome.isCompleted(outcome) ? outcome.value.bytes : undefined,
        status: outcome.status
      })),
    languages: [...languages].map(([language, sums]) => ({ language, ...sums })).sort((a, b) => b.files - a.files),
    topWords: [...vocabulary]
      .map(([word, count]) => ({ word, count }))
      .sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1))
      .slice(0, 10)
  }
  return { summary, answers }
}

export const answerOf = ({ bytes, compressed, fingerprint, hash, lines, words }: Kept): string =>
  `${hash} ${bytes} ${compressed} ${lines} ${words} ${fingerprint}`

/** Why an input has no answer; `undefined` if it has one, or if the run was over before its turn came. */
const troubleOf = (outcome: Outcome.Outcome<unknown, AnalysisError>): { readonly kind: string; readonly why: string } | undefined =>
  Outcome.match(outcome, {
    onCompleted: () => undefined,
    onFailed: ({ cause }) => {
      const error = Cause.squash(cause)
      if (error instanceof NoText) return { kind: error.kind, why: error.message }
      if (error instanceof Generated) return { kind: error._tag, why: error.message }
      if (error instanceof TaskRunnerError) return { kind: error.reason._tag, why: error.message }
      return { kind: "Defect", why: error instanceof Error ? error.message : String(error) }
    },
    onTimedOut: ({ after, limit }) => ({
      kind: "TimedOut",
      why: limit === "task" ? `not done after ${roughly(after)}` : `running when the ${roughly(after)} for the whole run were over`
    }),
    onCancelled: ({ reason }) => ({ kind: "Cancelled", why: Outcome.formatReason(reason) }),
    onNotStarted: () => undefined
  })

const languageOf = (name: string): string =>
  name.endsWith(".md") ? "Markdown" : /\.d\.[mc]?ts$/.test(name) ? "declarations" : /\.[mc]?tsx?$/.test(name) ? "TypeScript" : "other"

/** A limit without the milliseconds that it takes to hear of it from another thread. */
const roughly = (after: Duration.Duration): string => {
  const millis = Duration.toMillis(after)
  const step = millis < 1000 ? 10 : 100
  return Duration.format(Duration.millis(Math.max(step, Math.round(millis / step) * step)))
}
