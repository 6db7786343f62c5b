/** How a job ends: the words, the end that core's outcomes do not have, and the errors that tell a joiner. */
import * as Outcome from "@skein/core/Outcome"
import type * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type * as Job from "../Job.ts"

/** A set of ends, as bits. */
export type Mask = number

export const words = ["completed", "failed", "timeout", "cancelled", "skipped"] as const

export const maskOf = { completed: 1, failed: 2, timeout: 4, cancelled: 8, skipped: 16 } as const
export const all: Mask = 31

export const wordsOf = (mask: Mask): ReadonlyArray<Job.EndWord> => words.filter((word) => (mask & maskOf[word]) !== 0)

export class Skipped {
  readonly _tag = "Skipped"
  readonly index: number
  readonly name: string
  readonly because: Job.Because
  /** When it was submitted, in milliseconds since the Unix epoch. */
  readonly queuedAt: number
  readonly endedAt: number
  constructor(index: number, name: string, because: Job.Because, queuedAt: number, endedAt: number) {
    this.index = index
    this.name = name
    this.because = because
    this.queuedAt = queuedAt
    this.endedAt = endedAt
  }
  get status(): "skipped" {
    return "skipped"
  }
  /** It never started. */
  get attempts(): 0 {
    return 0
  }
}

export const endWord = (end: Job.End<unknown, unknown>): Job.EndWord => (end.status === "notStarted" ? "cancelled" : end.status)

export const maskOfEnd = (end: Job.End<unknown, unknown>): Mask => maskOf[endWord(end)]

export const detailOf = (end: Job.End<unknown, unknown>): string => {
  switch (end._tag) {
    case "Completed":
      return "completed"
    case "Failed":
      return causeText(end.cause)
    case "TimedOut":
      return `${end.limit} limit of ${Duration.format(end.after)}`
    case "Cancelled":
    case "NotStarted":
      return Outcome.formatReason(end.reason)
    case "Skipped":
      return "skipped"
  }
}

const causeText = (cause: Cause.Cause<unknown>): string => {
  const [first] = cause.reasons
  if (first === undefined) return "without a cause"
  if (first._tag === "Fail") return textOf(first.error)
  return first._tag === "Die" ? `died: ${textOf(first.defect)}` : "interrupted"
}

/** What a user failed with, or a module threw, may be anything, also something whose `toString` throws. */
export const textOf = (value: unknown): string => {
  try {
    return value instanceof Error && value.message !== "" ? value.message : String(value)
  } catch {
    return "an error that cannot be shown"
  }
}

export const formatEnd = (end: Job.End<unknown, unknown>): string => (end._tag === "Skipped" ? formatBecause(end.because) : detailOf(end))

export const formatBecause = (because: Job.Because): string => {
  const links: Array<string> = []
  for (let link: Job.Because | undefined = because; link !== undefined && links.length < 32; link = link.because) {
    const who = JSON.stringify(link.name)
    links.push(
      link.status === "completed"
        ? `${who} completed, not ${link.wanted.join(" or ")}`
        : link.status === "skipped"
          ? `${who} was skipped`
          : `${who} ${link.status === "failed" ? "failed" : link.status === "timeout" ? "timed out" : "was cancelled"}: ${link.detail}`
    )
  }
  return links.join(" ← ")
}

export class JobSkipped extends Data.TaggedError("JobSkipped")<{
  readonly id: string
  readonly name: string
  readonly because: Job.Because
}> {
  override get message(): string {
    return `job ${JSON.stringify(this.id)} was skipped: ${formatBecause(this.because)}`
  }
}

export class JobCancelled extends Data.TaggedError("JobCancelled")<{
  readonly id: string
  readonly name: string
  readonly outcome: Outcome.Cancelled<unknown> | Outcome.NotStarted
}> {
  override get message(): string {
    return `job ${JSON.stringify(this.id)} was cancelled: ${Outcome.formatReason(this.outcome.reason)}`
  }
}

export class JobTimedOut extends Data.TaggedError("JobTimedOut")<{
  readonly id: string
  readonly name: string
  readonly outcome: Outcome.TimedOut<unknown>
}> {
  override get message(): string {
    return `job ${JSON.stringify(this.id)} hit its ${detailOf(this.outcome)}`
  }
}

export class JobLost extends Data.TaggedError("JobLost")<{ readonly id: string; readonly attempt: number }> {
  override get message(): string {
    return `attempt ${this.attempt} of job ${JSON.stringify(this.id)} was lost: its process ended while it ran, and it may have run in part`
  }
}

/** The loss that a cause tells of. */
export const lostIn = (cause: Cause.Cause<unknown>): JobLost | undefined => {
  for (const reason of cause.reasons) if (reason._tag === "Die" && reason.defect instanceof JobLost) return reason.defect
  return undefined
}

export class Unreadable {
  /** What the store keeps. */
  readonly json: unknown
  /** Why it cannot be read. */
  readonly cause: Error
  constructor(json: unknown, cause: Error) {
    this.json = json
    this.cause = cause
  }
}
