/**
 * Puts into words, for a model to read, what became of the tasks of an agent's gather.
 *
 * The text is bounded, in input order, and the same for the same ends. What agents said is indented, so that no answer can pass for a line of the account.
 */
import * as Outcome from "@skein/core/Outcome"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import type { Account, Report } from "../AgentGather.ts"

/** The most that is said of one failure, in characters. */
const whyLimit = 200
/** The least room in which a value is worth showing, in characters. */
const least = 24
const idLimit = 80
/** Room for the line that counts what is not shown. */
const countLength = 20

/** A text on one line, without control characters, cut to a length. */
export const line = (text: string, limit: number): string => clip(text.replaceAll(/[\s\p{Cc}]+/gu, " ").trim(), limit)

const clip = (text: string, limit: number): string =>
  text.length <= limit ? text : `${text.slice(0, Math.max(0, limit - 3)).replace(/[\ud800-\udbff]$/, "")}...`

/** What was thrown or failed with, without a stack trace. */
export const messageOf = (error: unknown): string => {
  try {
    if (error instanceof Error) {
      const tag: unknown = (error as { readonly _tag?: unknown })._tag
      const name = typeof tag === "string" ? tag : error.name
      return line(error.message === "" ? name : error.message, whyLimit)
    }
    return line(typeof error === "string" ? error : plainText(error), whyLimit)
  } catch {
    return "an error that cannot be shown"
  }
}

const plainText = (value: unknown): string => {
  if (typeof value !== "object" || value === null) return String(value)
  const text: unknown = (value as { readonly text?: unknown }).text
  // A gather inside gives its account, whose text was written for this.
  if (typeof text === "string" && "unfinished" in value) return text
  return JSON.stringify(value) ?? String(value)
}

/** A value as text: what a string says, the text of an account, else JSON. */
export const textOf = (value: unknown): string => {
  if (typeof value === "string") return value
  if (value === undefined) return ""
  try {
    return plainText(value)
  } catch {
    return "a value that cannot be shown"
  }
}

/** The failures of a cause, interruptions aside. */
const failuresOf = (cause: Cause.Cause<unknown>): ReadonlyArray<string> =>
  cause.reasons.flatMap((reason) =>
    Cause.isFailReason(reason)
      ? [`failed: ${messageOf(reason.error)}`]
      : Cause.isDieReason(reason)
        ? [`crashed: ${messageOf(reason.defect)}`]
        : []
  )

/** Who asked for it in the first place. */
const rootOf = (reason: Outcome.Reason): Outcome.Reason => {
  let root = reason
  for (let links = 0; root.because !== undefined && links < 32; links++) root = root.because
  return root
}

const reasonText = (reason: Outcome.Reason, past: "cancelled" | "never started"): string => {
  const root = rootOf(reason)
  const start = past === "cancelled" ? "cancelled" : "never started: cancelled"
  switch (root._tag) {
    case "Requested":
    case "Aborted":
      return root.value === undefined ? start : `${start}: ${messageOf(root.value)}`
    case "CallTimeout":
    case "TaskTimeout":
    case "DeadlineReached":
      return past === "cancelled" ? "stopped when the time was over" : "never started: the time was over before its turn came"
    case "Closed":
      return `${start}: the gather was closed`
    case "CallerInterrupted":
    case "Interrupted":
      return `${start}: ${past === "cancelled" ? "it was interrupted" : "the caller was interrupted"}`
    default:
      return `${start}: ${Outcome.formatReason(root)}`
  }
}

/** Why a task has no value, or how it came to one. */
export const whyOf = (outcome: Outcome.Outcome<unknown, unknown>, grace: number): string => {
  const tries = outcome.attempts > 1 ? ` (${outcome.attempts} attempts)` : ""
  return line(
    Outcome.match(outcome, {
      onCompleted: ({ late }) => (late ? "finished, though it had been asked to stop" : "finished"),
      onFailed: ({ cause }) => `${failuresOf(cause).join("; ") || "failed"}${tries}`,
      onTimedOut: ({ abandoned, after, cause, limit }) => stoppedText(timeText(limit, after), cause, abandoned, grace) + tries,
      onCancelled: ({ abandoned, cause, reason }) => stoppedText(reasonText(reason, "cancelled"), cause, abandoned, grace) + tries,
      onNotStarted: ({ reason }) => reasonText(reason, "never started")
    }),
    2 * whyLimit
  )
}

const timeText = (limit: Outcome.Limit, after: Duration.Duration): string => {
  switch (limit) {
    case "task":
      return `timed out after ${Duration.format(after)}`
    case "attempt":
      return `timed out: an attempt took longer than ${Duration.format(after)}`
    case "queue":
      return `never started: waited longer than ${Duration.format(after)} for its turn`
    case "call":
    case "deadline":
      return "still running when the time was over, and stopped"
  }
}

const stoppedText = (how: string, cause: Cause.Cause<unknown>, abandoned: boolean, grace: number): string => {
  const failures = failuresOf(cause)
  const after = failures.length === 0 ? "" : `; when it was stopped it ${failures.join("; ")}`
  return abandoned ? `${how}; it did not stop within ${Duration.format(Duration.millis(grace))} and may still be running` : `${how}${after}`
}

const headOf = ({ agent, id }: Report): string => {
  const name = line(id, idLimit)
  return agent === undefined || agent === id ? name : `${name} (${line(agent, idLimit)})`
}

const below = (missing: number): string => `${missing} of the calls it made did not finish`

/** The account as text of at most about `limit` characters: the lists share what the first line and the advice leave. */
export const accountText = (account: Omit<Account, "text">, limit: number): string => {
  const { completed, finished, missing, notes, resume, total, unfinished } = account
  if (total === 0) return "There were no tasks."
  const first = completed === total ? `All ${total === 1 ? "" : `${total} `}tasks finished.` : `${completed} of ${total} tasks finished.`
  const head = [total === 1 && completed === 1 ? "The task finished." : first]
  const advice = adviceOf(missing, total, resume)
  const last = [...notes.slice(0, 8).map((note) => `Note: ${line(note, 2 * whyLimit)}`), ...(advice === undefined ? [] : [advice])]
  let room = Math.max(0, limit - [...head, ...last].join("\n").length - 60)
  const failures = list(
    unfinished.map((report) => ({ head: `- ${headOf(report)}: `, text: report.why })),
    finished.length === 0 ? room : Math.floor(room / 2)
  )
  room -= failures.join("\n").length
  const values = list(
    finished.map((report) => ({ head: `- ${headOf(report)}${marksOf(report)}: `, text: valueText(report) })),
    room
  )
  return [
    ...head,
    ...(values.length === 0 ? [] : ["", "Finished:", ...values]),
    ...(failures.length === 0 ? [] : ["", "Not finished:", ...failures]),
    ...(last.length === 0 ? [] : ["", ...last])
  ].join("\n")
}

const valueText = ({ outcome }: Report): string => (outcome._tag === "Completed" ? textOf(outcome.value) : "")

const marksOf = ({ missing, outcome, resumed }: Report): string => {
  const marks = [
    ...(resumed ? ["from an earlier run"] : []),
    ...(outcome._tag === "Completed" && outcome.late ? ["late"] : []),
    ...(missing > 0 ? [below(missing)] : [])
  ]
  return marks.length === 0 ? "" : `, ${marks.join(", ")}`
}

const adviceOf = (missing: number, total: number, resume: string | undefined): string | undefined => {
  if (missing === 0) return undefined
  if (resume !== undefined) {
    return `To run only what is missing (${missing} of ${total}), call again with the same tasks and resume ${JSON.stringify(line(resume, idLimit))}.`
  }
  const which = missing === total ? `same ${total === 1 ? "task" : "tasks"}` : missing === 1 ? "missing task" : `${missing} missing tasks`
  return `To try again, call with the ${which}.`
}

/** Lines for a list within a room: each text may be as long as all can be; where not even the heads fit, the rest is counted. */
const list = (given: ReadonlyArray<{ readonly head: string; readonly text: string }>, room: number): ReadonlyArray<string> => {
  const items = given.map(({ head, text }) => ({ head, text: indent(text) }))
  const needs = items.map(({ head, text }) => head.length + 1 + Math.min(text.length, least))
  const fitting = (limit: number): number => {
    let need = 0
    for (const [n, more] of needs.entries()) if ((need += more) > limit) return n
    return needs.length
  }
  const shown = fitting(room) === items.length ? items.length : fitting(room - countLength)
  const kept = items.slice(0, shown)
  const heads = kept.reduce((sum, { head }) => sum + head.length + 1, shown < items.length ? countLength : 0)
  const share = shareOf(
    kept.map(({ text }) => text.length),
    room - heads
  )
  const lines = kept.map(({ head, text }) => `${head}${excerpt(text, share)}`.trimEnd().replace(/:$/, ""))
  if (shown < items.length) lines.push(`- and ${items.length - shown} more`)
  return lines
}

/** The length up to which texts may go so that together they fill the room: short ones leave theirs to the long. */
const shareOf = (lengths: ReadonlyArray<number>, room: number): number => {
  const ascending = [...lengths].sort((a, b) => a - b)
  let left = room
  for (const [i, length] of ascending.entries()) {
    const even = Math.floor(left / (ascending.length - i))
    if (length > even) return Math.max(even, 0)
    left -= length
  }
  return Infinity
}

const excerpt = (text: string, limit: number): string => {
  if (text.length <= limit) return text
  const note = ` (${text.length} characters in all)`
  return limit > 3 * note.length ? clip(text, limit - note.length) + note : clip(text, limit)
}

// The control characters that a terminal or a tokenizer could take for something else go; tabs and line ends stay.
const indent = (text: string): string =>
  text
    .replaceAll(/\r\n?|[\u0085\u2028\u2029]/g, "\n")
    .replaceAll(/(?![\t\n])\p{Cc}/gu, "")
    .replaceAll(/\n(?=[^\n])/g, "\n  ")
