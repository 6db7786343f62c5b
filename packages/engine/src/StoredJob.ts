/**
 * Makes and reads jobs as stores keep them, for programs that have no engine: they leave a request, or show what is there.
 *
 * Everything here is a function of JSON. No task is loaded, and nothing is run.
 *
 * **Example** (Asking the engine that owns a store to run a job)
 *
 * ```ts
 * import { JobStore, StoredJob } from "@skein/engine"
 * import * as Effect from "effect/Effect"
 *
 * const store = JobStore.memory()
 * const job = StoredJob.ofTask({ module: "file:///app/tasks.js", export: "resize", payload: { file: "a.png" } })
 * const program = Effect.andThen(store.request({ _tag: "Submit", jobs: [{ id: "resize-a", ...job }] }), store.requests)
 * const [waiting] = await Effect.runPromise(program)
 * console.log(waiting?.request._tag, StoredJob.what(job.description)) // => Submit file:///app/tasks.js#resize
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import type * as Condition from "./Condition.ts"
import type * as Graph from "./Graph.ts"
import { Description, known } from "./internal/description.ts"
import { detailOf as formatEnd, formatBecause, wordsOf } from "./internal/ends.ts"
import { isJob } from "./internal/references.ts"
import type { BoundGroup, Slot } from "./internal/run.ts"
import { decodeEnd } from "./internal/store/ends.ts"
import * as stored from "./internal/stored.ts"
import { asItIs, type Work } from "./internal/work.ts"
import type * as Job from "./Job.ts"
import type { Json, StoredRun } from "./JobStore.ts"

/**
 * A job as a request holds it, but for the id of its run.
 *
 * @category models
 * @since 0.1.0
 */
export interface StoredJob {
  readonly name: string
  readonly description: Json
}

/**
 * Writes a job that is data: a task or a command. What it refers to it names by id.
 *
 * @throws TypeError for what is no job; RangeError for a job that is no data, or refers to another by anything but its id
 * @category constructors
 * @since 0.1.0
 */
export const of = (job: Job.Job<unknown, unknown, unknown>): StoredJob => {
  const where = "StoredJob.of"
  if (!isJob(job)) throw new TypeError(Settings.mustBe(where, "job", "a Job", job).message)
  return written(where, job as unknown as Description)
}

/**
 * Writes a job that runs a task which is not loaded here: its module, the name it is exported by, and its payload as the task's schema writes it.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const ofTask = (
  task: { readonly module: string | URL; readonly export: string; readonly payload?: Json | undefined },
  options: Job.Options<unknown> & { readonly name?: string | undefined } = {}
): StoredJob => {
  const where = "StoredJob.ofTask"
  Settings.known(where, task, ["module", "export", "payload"])
  Settings.known(where, options, ["name", ...known])
  const { name = task.export, ...given } = options
  const work: Work = {
    start: () => undefined,
    portable: {
      data: { kind: "task", name: task.export, module: String(task.module), export: task.export },
      input: asItIs,
      success: asItIs,
      error: asItIs
    },
    // That it may run twice is known when it is loaded.
    onLost: "fail"
  }
  return written(where, new Description(where, name, work, task.payload, given))
}

const written = (where: string, job: Description): StoredJob => {
  const groups = job.groups.map(({ kind, members }): BoundGroup => ({
    kind,
    members: members.map(({ mask, ref }) => {
      if (typeof ref !== "string") throw Settings.mustBe(where, "job", "a job that refers to others by their ids", job.name)
      return { mask, slot: { id: ref, job: { ephemeral: false } } as Slot }
    })
  }))
  try {
    return { name: job.name, description: stored.encode(job, groups) }
  } catch (error) {
    if (error instanceof stored.NotStorable) throw new RangeError(`${where}: job ${JSON.stringify(job.name)} is no data: ${error.message}`)
    throw error
  }
}

/** What can be read of a description, whoever wrote it. */
const formOf = (description: Json): stored.Form | undefined => {
  try {
    return stored.read(description)
  } catch {
    return undefined
  }
}

type Fields = { readonly [key: string]: unknown }

const fieldsOf = (json: unknown): Fields => (typeof json === "object" && json !== null && !Array.isArray(json) ? (json as Fields) : {})

const textOf = (json: unknown, none = ""): string => (typeof json === "string" ? json : json === undefined ? none : JSON.stringify(json))

/**
 * Says on one line what a job does: the words of a command, the module and the export of a task. Empty for a description that this version cannot read.
 *
 * @category formatting
 * @since 0.1.0
 */
export const what = (description: Json): string => {
  const form = formOf(description)
  if (form === undefined) return ""
  if (form.work["kind"] !== "command") {
    const { export: name, module } = form.work
    return module === "" ? textOf(name) : `${textOf(module)}#${textOf(name)}`
  }
  const { args, program } = fieldsOf(form.input)
  const words = [program, ...(Array.isArray(args) ? (args as ReadonlyArray<unknown>) : [])]
  return words.map((word) => (typeof word === "string" ? quoted(word) : textOf(word))).join(" ")
}

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`)

/**
 * The condition that a job waits for.
 *
 * @category getters
 * @since 0.1.0
 */
export const when = (description: Json): Condition.Data | undefined => formOf(description)?.when

/**
 * The labels of a job.
 *
 * @category getters
 * @since 0.1.0
 */
export const labels = (description: Json): Readonly<Record<string, string>> => formOf(description)?.labels ?? {}

/**
 * The key of a job.
 *
 * @category getters
 * @since 0.1.0
 */
export const key = (description: Json): string | undefined => formOf(description)?.key

/**
 * What a run depends on. `upstream` of a run that was taken in says which runs these are; of a request they are the ids that it names.
 *
 * @category getters
 * @since 0.1.0
 */
export const edges = (
  run: Pick<StoredRun, "id" | "description"> & { readonly upstream?: ReadonlyArray<string> }
): ReadonlyArray<Graph.Edge> => {
  const form = formOf(run.description)
  // What it depends on is known without the description, how it does is not.
  if (form === undefined) return (run.upstream ?? []).map((from) => ({ from, to: run.id, wants: ["completed"], kind: "after" }))
  return stored
    .references(form)
    .map(({ job, kind, mask }, i): Graph.Edge => ({ from: run.upstream?.[i] ?? job, to: run.id, wants: wordsOf(mask), kind }))
}

/**
 * The value that a run gave, as its schema wrote it.
 *
 * @category getters
 * @since 0.1.0
 */
export const valueOf = (end: Json): Json | undefined => fieldsOf(end)["value"] as Json | undefined

/**
 * Says on one line why a run ended so: what it failed with, the limit that it hit, who cancelled it, the chain that it was skipped by. Empty for one that completed.
 *
 * @category formatting
 * @since 0.1.0
 */
export const detailOf = (end: Json): string => {
  const { cause, end: tag } = fieldsOf(end)
  if (tag === "Completed") return ""
  if (tag === "Failed") return causeDetail(cause as Json)
  try {
    const read = decodeEnd(end, { success: asItIs, error: asItIs }, 0)
    return read._tag === "Skipped" ? formatBecause(read.because) : formatEnd(read)
  } catch {
    return textOf(tag)
  }
}

/**
 * Says on one line why an attempt failed.
 *
 * @category formatting
 * @since 0.1.0
 */
export const causeDetail = (cause: Json): string => {
  const { reasons } = fieldsOf(cause)
  const [first] = Array.isArray(reasons) ? (reasons as ReadonlyArray<unknown>) : []
  const { die, fail } = fieldsOf(first)
  if (fail !== undefined) return errorText(fail)
  const { error, value } = fieldsOf(die)
  if (die === undefined) return first === undefined ? "without a cause" : "interrupted"
  return error === undefined ? textOf(value) : errorText(error)
}

/** What errors have in common: a message, or a tag with fields. Those of commands and of task runners hold their reason. */
const errorText = (error: unknown): string => {
  const { $skein, _tag, command, message, name, reason } = fieldsOf(error)
  const trouble = fieldsOf(fieldsOf($skein)["trouble"])
  if (trouble["task"] !== undefined) return `task ${textOf(trouble["task"])}: ${errorText(trouble["reason"])}`
  if (command !== undefined && reason !== undefined) return `${textOf(command)}: ${commandText(fieldsOf(reason))}`
  if (typeof message === "string" && message !== "") return typeof _tag === "string" ? `${_tag}: ${message}` : message
  if (typeof _tag === "string") return withFields(_tag, fieldsOf(error))
  return typeof name === "string" ? name : textOf(error, "unknown")
}

const withFields = (tag: string, fields: Fields): string =>
  [
    tag,
    ...Object.entries(fields).flatMap(([field, value]) =>
      field === "_tag" || field === "message" ? [] : `${field} ${textOf(value).trim()}`
    )
  ].join(" ")

/** The tail of what it said, cut to its last line. */
const commandText = (reason: Fields): string => {
  const { _tag, code, signal, stderr, stdout } = reason
  const lines = (textOf(stderr).trimEnd() || textOf(stdout).trimEnd()).split("\n")
  const said = lines.at(-1)!.trim() === "" ? "" : `: ${lines.at(-1)!.trim()}`
  if (_tag === "NonZeroExit") return `exit code ${textOf(code)}${said}`
  if (_tag === "Signaled") return `killed by ${textOf(signal)}${said}`
  return withFields(textOf(_tag), reason)
}
