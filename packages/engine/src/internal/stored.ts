/** How a description is kept in a store, and made again of what was kept. */
import * as Schema from "effect/Schema"
import * as Condition from "../Condition.ts"
import type { Json } from "../JobStore.ts"
import { Description, levels } from "./description.ts"
import { type Mask, maskOf, words, wordsOf } from "./ends.ts"
import { afterAny, on, outcome, Place, resolve, result } from "./references.ts"
import type { BoundGroup } from "./run.ts"
import { unreadableInput, type Work } from "./work.ts"

/** Why a job cannot be kept. */
export class NotStorable extends Error {
  override readonly name = "NotStorable"
}

/** A place in an input, or a record that has this key itself. */
const mark = "$skein"

const Word = Schema.Literals(words)

const Member = Schema.Struct({ job: Schema.String, ends: Schema.Array(Word) })

const Form = Schema.Struct({
  /** What this form is; another one is for a later version. */
  form: Schema.Literal(1),
  id: Schema.optionalKey(Schema.String),
  work: Schema.Record(Schema.String, Schema.Json),
  input: Schema.optionalKey(Schema.Json),
  /** The input holds places, and is kept as plain data. */
  placed: Schema.optionalKey(Schema.Literal(true)),
  after: Schema.optionalKey(Schema.Array(Schema.Struct({ kind: Schema.Literals(["after", "either"]), members: Schema.Array(Member) }))),
  when: Schema.optionalKey(Condition.Data),
  needs: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite)),
  priority: Schema.optionalKey(Schema.Literals(levels)),
  retry: Schema.optionalKey(Schema.Record(Schema.String, Schema.Finite)),
  timeout: Schema.optionalKey(Schema.Finite),
  attemptTimeout: Schema.optionalKey(Schema.Finite),
  queueTimeout: Schema.optionalKey(Schema.Finite),
  onUpstream: Schema.optionalKey(Schema.Literal("run")),
  onLost: Schema.optionalKey(Schema.Literals(["resume", "fail"])),
  flavour: Schema.optionalKey(Schema.String),
  labels: Schema.optionalKey(Schema.Record(Schema.String, Schema.String)),
  key: Schema.optionalKey(Schema.String),
  createdAt: Schema.Finite
})

/** A description as it is kept. */
export type Form = typeof Form.Type

export const read: (json: unknown) => Form = Schema.decodeUnknownSync(Form)

const finite = (record: { readonly [key: string]: number }): { readonly [key: string]: number } =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => Number.isFinite(value)))

/** The form of a job. `idOf` gives the id of the job that a member of a group means; it throws for one that is not kept. */
export const encode = (job: Description, groups: ReadonlyArray<BoundGroup>): Json => {
  const { portable } = job.work
  if (typeof portable === "string") throw new NotStorable(portable)
  if (job.when !== undefined && !Condition.isData(job.when)) throw new NotStorable("its condition is no data: it holds a ref, or code")
  if (job.retry !== undefined && job.backoff === undefined) throw new NotStorable("its retries are no data: they hold a Schedule, or code")
  const idOf = (group: number, member = 0): string => {
    const { slot } = groups[group]!.members[member]!
    if (slot.job.ephemeral) throw new NotStorable(`it depends on ${JSON.stringify(slot.id)}, which is ephemeral`)
    return slot.id
  }
  const after = groups.slice(job.places.size).map(({ kind, members }, group) => ({
    kind,
    members: members.map(({ mask }, member) => ({ job: idOf(group + job.places.size, member), ends: wordsOf(mask) }))
  }))
  const form: { readonly [K in keyof Form]?: unknown } = {
    form: 1,
    ...(job.id === undefined ? {} : { id: job.id }),
    work: portable.data,
    ...inputOf(job, portable.input.encode, idOf),
    ...(after.length === 0 ? {} : { after }),
    ...(job.when === undefined ? {} : { when: job.when }),
    ...(job.signature === "jobs:1" ? {} : { needs: job.needs }),
    ...(job.level === 1 ? {} : { priority: levels[job.level] }),
    ...(job.backoff === undefined ? {} : { retry: finite({ ...job.backoff }) }),
    ...finite({ timeout: job.timeout, attemptTimeout: job.attemptTimeout, queueTimeout: job.queueTimeout }),
    ...(job.waives ? { onUpstream: "run" } : {}),
    ...(job.onLost === job.work.onLost ? {} : { onLost: job.onLost }),
    ...(job.flavour === undefined ? {} : { flavour: job.flavour }),
    ...(Object.keys(job.labels).length === 0 ? {} : { labels: job.labels }),
    ...(job.key === undefined ? {} : { key: job.key }),
    createdAt: job.createdAt
  }
  return form as Json
}

const inputOf = (
  { input, places }: Description,
  byCodec: (value: unknown) => Json,
  idOf: (group: number) => string
): { readonly input?: Json; readonly placed?: true } => {
  if (places.size === 0) {
    if (input === undefined) return {}
    try {
      return { input: byCodec(input) }
    } catch (error) {
      throw new NotStorable(`its input cannot be written: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const plain = (value: unknown, path: string): Json => {
    if (value instanceof Place) return { [mark]: { [value.isResult ? "result" : "outcome"]: idOf(places.get(value)!) } }
    if (value === null || typeof value === "string" || typeof value === "boolean") return value
    if (typeof value === "number" && Number.isFinite(value)) return value
    if (Array.isArray(value)) return value.map((item, i) => plain(item, `${path}[${i}]`))
    if (typeof value === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(value) as null)) {
      const entries = Object.entries(value).filter(([, item]) => item !== undefined)
      const record = Object.fromEntries(entries.map(([key, item]) => [key, plain(item, `${path}.${key}`)]))
      return Object.hasOwn(record, mark) ? { [mark]: { plain: record } } : record
    }
    throw new NotStorable(`${path} is no plain data, and it stands beside the place of a result`)
  }
  try {
    return { input: plain(input, "input"), placed: true }
  } catch (error) {
    // The stack of this thread.
    throw error instanceof RangeError ? new NotStorable("its input is nested too deep") : error
  }
}

const places = (json: Json): unknown => {
  if (json === null || typeof json !== "object") return json
  if (Array.isArray(json)) return json.map(places)
  const record = json as { readonly [key: string]: Json }
  if (!Object.hasOwn(record, mark)) return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, places(value)]))
  const marked = record[mark] as { readonly result?: string; readonly outcome?: string; readonly plain?: { readonly [key: string]: Json } }
  if (marked.result !== undefined) return result(marked.result)
  if (marked.outcome !== undefined) return outcome(marked.outcome)
  return Object.fromEntries(Object.entries(marked.plain!).map(([key, value]) => [key, places(value)]))
}

/** Makes the description again. References are the ids of jobs. `id` is set where the description had one. An input that cannot be read any more is for the job to fail with. */
export const decode = (name: string, form: Form, work: Work): Description => {
  const { after, createdAt, form: _form, id, input, placed, work: _work, ...options } = form
  let readable = work
  let value: unknown = input
  if (input !== undefined && placed === true) value = places(input)
  else if (input !== undefined && typeof work.portable !== "string") {
    try {
      value = work.portable.input.decode(input)
    } catch (error) {
      readable = unreadableInput(work, error as Error)
    }
  }
  const given = {
    ...options,
    ...(id === undefined ? {} : { id }),
    ...(after === undefined
      ? {}
      : {
          after: after.flatMap(({ kind, members }) => {
            const each = members.map(({ ends, job }) => on(job, ends))
            return kind === "either" ? [afterAny(each)] : each
          })
        })
  }
  return new Description("a stored job", name, readable, value, given, createdAt)
}

/** The ids of the jobs that a form refers to, in the order of its groups, with the ends that will do. */
export const references = (form: Form): ReadonlyArray<{ readonly kind: BoundGroup["kind"]; readonly job: string; readonly mask: Mask }> => {
  const found: Array<{ readonly kind: BoundGroup["kind"]; readonly job: string; readonly mask: Mask }> = []
  if (form.placed === true) {
    resolve(places(form.input as Json), (place) => {
      found.push({
        kind: place.isResult ? "result" : "outcome",
        job: place.ref as string,
        mask: place.isResult ? maskOf.completed : maskOf.completed | maskOf.failed | maskOf.timeout | maskOf.cancelled | maskOf.skipped
      })
      return undefined
    })
  }
  for (const { kind, members } of form.after ?? []) {
    for (const { ends, job } of members) found.push({ kind, job, mask: ends.reduce((mask, end) => mask | maskOf[end], 0) })
  }
  return found
}
