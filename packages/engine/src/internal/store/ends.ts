/**
 * Ends as JSON.
 *
 * Instants are kept as the first one, in milliseconds, and the distance of the others from it in whole microseconds: that is what outcomes have, so what was read is written the same again.
 */
import * as Outcome from "@skein/core/Outcome"
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import type * as Job from "../../Job.ts"
import type { Json } from "../../JobStore.ts"
import { Skipped, words } from "../ends.ts"
import type { Codecs } from "../work.ts"
import * as causes from "./causes.ts"
import { NotDecodable } from "./codecError.ts"
import { jsonOrWords, type JsonObject, listOf, numberOf, objectOf, present, textOf, wordOf } from "./plain.ts"

export { NotDecodable, NotEncodable } from "./codecError.ts"

/** How many links of a chain are kept. Of a longer one the last is its root: a thousand jobs that were skipped after each other would be a million links. */
const longest = 32

/** Throws a `NotEncodable` for a result or an error that its schema cannot write. */
export const encodeEnd = (end: Job.End<unknown, unknown>, codecs: Codecs): Json => {
  const { error, success } = codecs
  switch (end._tag) {
    case "Completed":
      return present({
        ...head(end, codecs),
        value: causes.encodeValue("success", success, end.value),
        late: end.late ? true : undefined
      })
    case "Failed":
      return { ...head(end, codecs), cause: causes.encode(end.cause, error) }
    case "TimedOut":
      return { ...head(end, codecs), limit: end.limit, after: millisOf(end.after), cause: causes.encode(end.cause, error) }
    case "Cancelled":
      return { ...head(end, codecs), reason: encodeReason(end.reason), cause: causes.encode(end.cause, error) }
    case "NotStarted":
      return { ...head(end, codecs), reason: encodeReason(end.reason) }
    case "Skipped":
      return { end: "Skipped", name: end.name, queuedAt: end.queuedAt, endedAt: end.endedAt, because: encodeBecause(end.because) }
  }
}

/** Throws a `NotDecodable`. */
export const decodeEnd = (json: Json, codecs: Codecs, index: number): Job.End<unknown, unknown> =>
  decoding(json, () => {
    const fields = objectOf(json, "an end")
    const tag = wordOf(fields["end"], "an end", ["Completed", "Failed", "TimedOut", "Cancelled", "NotStarted", "Skipped"])
    if (tag === "Skipped") {
      const at = [numberOf(fields["queuedAt"], "queuedAt"), numberOf(fields["endedAt"], "endedAt")] as const
      return new Skipped(index, textOf(fields["name"], "name"), decodeBecause(fields["because"]), ...at)
    }
    const info = infoOf(fields, codecs, index)
    if (tag === "Completed") return new Outcome.Completed(info, codecs.success.decode(fields["value"] ?? null), fields["late"] === true)
    if (tag === "NotStarted") return new Outcome.NotStarted(info, decodeReason(fields["reason"]))
    const cause = causes.decode(fields["cause"] ?? null, codecs.error)
    if (tag === "Failed") return new Outcome.Failed(info, cause)
    if (tag === "Cancelled") return new Outcome.Cancelled(info, decodeReason(fields["reason"]), cause)
    return new Outcome.TimedOut(info, wordOf(fields["limit"], "limit", limits), durationOf(fields["after"]), cause)
  })

/** A cause of an earlier attempt. It is not worth the end of the job: an error that cannot be written becomes a defect that says so. */
export const encodeCause = (cause: Cause.Cause<unknown>, codecs: Codecs): Json => causes.encodeAnyway(cause, codecs.error)

/** Nor is one that cannot be read: that becomes a defect too. */
export const decodeCause = (json: Json, codecs: Codecs): Cause.Cause<unknown> => causes.decodeAnyway(json, codecs.error)

const decoding = <A>(json: Json, decode: () => A): A => {
  try {
    return decode()
  } catch (cause) {
    throw new NotDecodable({ json, cause })
  }
}

// What all outcomes have

const limits = ["task", "attempt", "queue", "call", "deadline"] as const

const head = (end: Exclude<Job.End<unknown, unknown>, Skipped>, codecs: Codecs): JsonObject =>
  present({
    end: end._tag,
    name: end.name,
    attempts: end.attempts,
    attemptCauses: end.attemptCauses.length === 0 ? undefined : end.attemptCauses.map((cause) => encodeCause(cause, codecs)),
    abandoned: end.abandoned ? true : undefined,
    times: encodeTimes(end)
  })

const encodeTimes = ({ endedAt, queuedAt, startedAt }: Outcome.Outcome<unknown, unknown>): Json | undefined => {
  const at = queuedAt ?? startedAt ?? endedAt
  if (at === undefined) return undefined
  const since = (instant: number | undefined): number | undefined =>
    instant === undefined ? undefined : Math.max(0, Math.round((instant - at) * 1000))
  return present({ at, queued: since(queuedAt), started: since(startedAt), ended: since(endedAt) })
}

const infoOf = (fields: JsonObject, codecs: Codecs, index: number): Outcome.Info => {
  const { abandoned, attemptCauses, attempts, name, times } = fields
  const { at, ended, queued, started } = times === undefined ? ({ at: 0 } as JsonObject) : objectOf(times, "times")
  const micros = (json: Json | undefined): number => (json === undefined ? -1 : numberOf(json, "a distance of times"))
  return {
    index,
    name: name === undefined ? undefined : textOf(name, "name"),
    attempts: numberOf(attempts, "attempts"),
    attemptCauses:
      attemptCauses === undefined ? undefined : listOf(attemptCauses, "attemptCauses").map((cause) => decodeCause(cause, codecs)),
    abandoned: abandoned === true,
    stamp: { origin: { at: numberOf(at, "times.at") }, queued: micros(queued), started: micros(started), ended: micros(ended) }
  }
}

const millisOf = (duration: Duration.Duration): number | null => {
  const millis = Duration.toMillis(duration)
  return Number.isFinite(millis) ? millis : null
}

const durationOf = (json: Json | undefined): Duration.Duration =>
  json === null ? Duration.infinity : Duration.millis(numberOf(json, "after"))

// Chains

type Link<A> = { readonly because?: A | undefined }

/** The roots of chains that were walked: thousands of jobs may hang on one chain, each by one link more. */
const roots = new WeakMap<object, object>()

const rootOf = <A extends Link<A>>(first: A): A => {
  let last = first
  const passed: Array<A> = []
  while (last.because !== undefined) {
    const known = roots.get(last) as A | undefined
    if (known !== undefined) {
      last = known
      break
    }
    passed.push(last)
    last = last.because
  }
  for (const link of passed) roots.set(link, last)
  return last
}

const chainOf = <A extends Link<A>>(first: A): ReadonlyArray<A> => {
  const links: Array<A> = []
  for (let link: A | undefined = first; link !== undefined && links.length < longest; link = link.because) links.push(link)
  const last = rootOf(first)
  if (last !== links.at(-1) && links.length === longest) links[links.length - 1] = last
  return links
}

const joined = <A>(links: ReadonlyArray<Json>, link: (json: Json, because: A | undefined) => A): A => {
  const first = links.reduceRight<A | undefined>((because, json) => link(json, because), undefined)
  if (first === undefined) throw new TypeError("a chain must have a link")
  return first
}

const encodeBecause = (because: Job.Because): Json =>
  chainOf(because).map(({ detail, id, name, status, wanted }) => ({ id, name, status, wanted: [...wanted], detail }))

const decodeBecause = (json: Json | undefined): Job.Because =>
  joined<Job.Because>(listOf(json, "because"), (link, because) => {
    const { detail, id, name, status, wanted } = objectOf(link, "a link of because")
    return {
      id: textOf(id, "id"),
      name: textOf(name, "name"),
      status: wordOf(status, "status", words),
      wanted: listOf(wanted, "wanted").map((word) => wordOf(word, "wanted", words)),
      detail: textOf(detail, "detail"),
      ...(because === undefined ? {} : { because })
    }
  })

const encodeReason = (reason: Outcome.Reason): Json =>
  chainOf(reason).map(({ _tag, after, at, index, name, value }) =>
    present({
      tag: _tag,
      index,
      name,
      at: at === undefined || !Number.isFinite(at) ? undefined : at,
      after: after === undefined ? undefined : millisOf(after),
      value: value === undefined ? undefined : jsonOrWords(value)
    })
  )

const tags: ReadonlyArray<Outcome.Reason["_tag"]> = [
  "SiblingFailed",
  "CallerInterrupted",
  "CallTimeout",
  "TaskTimeout",
  "DeadlineReached",
  "QueueTimeout",
  "Requested",
  "Aborted",
  "Stopped",
  "SourceFailed",
  "Decided",
  "Closed",
  "ExecutorClosed",
  "Interrupted"
]

const decodeReason = (json: Json | undefined): Outcome.Reason =>
  joined<Outcome.Reason>(listOf(json, "reason"), (link, because) => {
    const { after, at, index, name, tag, value } = objectOf(link, "a link of a reason")
    return {
      _tag: wordOf(tag, "tag", tags),
      ...(index === undefined ? {} : { index: numberOf(index, "index") }),
      ...(name === undefined ? {} : { name: textOf(name, "name") }),
      ...(at === undefined ? {} : { at: numberOf(at, "at") }),
      ...(after === undefined ? {} : { after: durationOf(after) }),
      ...(value === undefined ? {} : { value }),
      ...(because === undefined ? {} : { because })
    }
  })
