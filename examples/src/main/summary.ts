/**
 * Makes of the outcomes what the report shows: sums, groups, the slowest, and a digest. Plain data, the same for the screen and for `--json`.
 */
import { type GatherResult, Outcome } from "@skein/core"
import { TextFile } from "@skein/node"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import { createHash } from "node:crypto"
import { type Analysis, type AnalysisError, Generated, type Vocabulary } from "./analysis.ts"
import type { Input } from "./inputs.ts"

export interface Summary {
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly timedOut: number
  readonly cancelled: number
  readonly notStarted: number
  /** Whether it was stopped, or out of time, before every file had its turn to the end. */
  readonly partial: boolean
  readonly millis: number
  readonly bytes: number
  readonly lines: number
  readonly words: number
  readonly distinctWords: number
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

type Result = GatherResult.GatherResult<Analysis, AnalysisError>

export const summarize = (inputs: ReadonlyArray<Input>, result: Result, vocabulary: Vocabulary): Summary => {
  const { cancelled, completed, failed, notStarted, timedOut, total } = result
  const nameOf = (outcome: Outcome.Outcome<unknown, unknown>) => inputs[outcome.index]!.name
  const done = result.outcomes.filter((outcome) => outcome._tag === "Completed")
  const digest = createHash("sha256")
  const failures = new Map<string, { readonly kind: string; readonly why: string; readonly names: Array<string> }>()
  for (const outcome of result.outcomes) {
    const name = nameOf(outcome)
    digest.update(`${name}\t${answer(outcome)}\n`)
    const trouble = troubleOf(outcome)
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
  const sum = (of: (analysis: Analysis) => number) => done.reduce((before, outcome) => before + of(outcome.value), 0)
  return {
    total,
    completed,
    failed,
    timedOut,
    cancelled,
    notStarted,
    partial: cancelled + notStarted > 0 || result.outcomes.some((outcome) => outcome._tag === "TimedOut" && outcome.limit === "call"),
    millis: Duration.toMillis(result.elapsed),
    bytes: sum(({ bytes }) => bytes),
    lines: sum(({ lines }) => lines),
    words: sum(({ words }) => words),
    distinctWords: vocabulary.size,
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
}

/** What the digest knows of an outcome: nothing that depends on time, order or machine. */
const answer = (outcome: Outcome.Outcome<Analysis, AnalysisError>): string => {
  if (outcome._tag !== "Completed") return troubleOf(outcome)?.kind ?? outcome.status
  const { bytes, hash, lines, words } = outcome.value
  return `${hash} ${bytes} ${lines} ${words}`
}

/** Why an input has no answer; `undefined` if it has one, or if the run was over before its turn came. */
const troubleOf = (outcome: Outcome.Outcome<unknown, AnalysisError>): { readonly kind: string; readonly why: string } | undefined =>
  Outcome.match(outcome, {
    onCompleted: () => undefined,
    onFailed: ({ cause }) => {
      const error = Cause.squash(cause)
      if (error instanceof TextFile.TextFileError) return { kind: error.reason._tag, why: error.reason.message }
      if (error instanceof Generated) return { kind: error._tag, why: error.message }
      return { kind: "Defect", why: error instanceof Error ? error.message : String(error) }
    },
    onTimedOut: ({ after, limit }) => ({
      kind: "TimedOut",
      why:
        limit === "task"
          ? `not done after ${Duration.format(after)}`
          : `running when the ${Duration.format(after)} for the whole run were over`
    }),
    onCancelled: ({ reason }) => ({ kind: "Cancelled", why: Outcome.formatReason(reason) }),
    onNotStarted: () => undefined
  })

const languageOf = (name: string): string =>
  name.endsWith(".md") ? "Markdown" : /\.d\.[mc]?ts$/.test(name) ? "declarations" : /\.[mc]?tsx?$/.test(name) ? "TypeScript" : "other"
