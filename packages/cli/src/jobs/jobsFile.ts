/** Reads a file of jobs: JSON with `jobs`, a record of jobs by name, and `limits`. */
import * as Job from "@skein/engine/Job"
import type { Json } from "@skein/engine/JobStore"
import * as Result from "effect/Result"
import { dirname, resolve } from "node:path"
import { UsageError } from "../flags.ts"
import { nearest } from "../suggest.ts"
import type { Read } from "../sizes.ts"
import * as sizes from "../sizes.ts"
import { flavourOf, flavours, type JobSpec, taskOf, type Work } from "./jobSpec.ts"
import * as when from "./when.ts"

export interface JobsFile {
  readonly jobs: ReadonlyArray<JobSpec>
  readonly limits: Readonly<Record<string, number>>
}

/** What its jobs are made with. */
export interface Setting {
  readonly path: string
  /** Milliseconds since the Unix epoch. */
  readonly now: number
  /** The id of the job of this name. */
  readonly idOf: (name: string) => string
  /** What becomes of the name of a job that is not in the file. */
  readonly others: "refused" | "ids"
}

const fields = [
  "command",
  "shell",
  "task",
  "payload",
  "after",
  "afterAny",
  "onUpstream",
  "when",
  "retries",
  "backoff",
  "timeout",
  "attemptTimeout",
  "queueTimeout",
  "flavour",
  "onLost",
  "labels",
  "key",
  "priority",
  "needs",
  "directory",
  "env"
] as const

type Fields = { readonly [K in (typeof fields)[number]]?: Json }

/** @throws UsageError */
export const parse = (text: string, setting: Setting): JobsFile => {
  const file = new Reader(setting.path)
  let all: unknown
  try {
    all = JSON.parse(text)
  } catch (error) {
    return file.fail(`is no JSON: ${(error as Error).message}`)
  }
  const top = file.record("", all, ["jobs", "limits"])
  const jobs = file.record("jobs", top["jobs"])
  const names = Object.keys(jobs)
  if (names.length === 0) file.fail("jobs must hold at least one job")
  const ids = new Map(names.map((name) => [name, setting.idOf(name)]))
  const refer = (place: string, name: string): string => {
    const id = ids.get(name)
    if (id !== undefined || setting.others === "ids") return id ?? name
    const meant = nearest(name, names)
    return file.fail(
      `${place} names the job ${JSON.stringify(name)}, which is not in the file${meant === undefined ? "" : `; did you mean ${JSON.stringify(meant)}?`}`
    )
  }
  return {
    jobs: names.map((name) => file.job(name, ids.get(name)!, jobs[name], refer, setting)),
    limits: top["limits"] === undefined ? {} : file.numbers("limits", top["limits"], 1)
  }
}

class Reader {
  private readonly path: string
  constructor(path: string) {
    this.path = path
  }

  fail(message: string): never {
    throw new UsageError({ message: `${this.path}: ${message}` })
  }

  mustBe(place: string, expected: string, got: unknown): never {
    return this.fail(`${place === "" ? "the file" : place} must be ${expected}, got ${got === undefined ? "nothing" : JSON.stringify(got)}`)
  }

  record(place: string, value: unknown, known?: ReadonlyArray<string>): Readonly<Record<string, Json>> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return this.mustBe(place, "an object", value)
    for (const key of known === undefined ? [] : Object.keys(value)) {
      if (known!.includes(key)) continue
      const meant = nearest(key, known!)
      this.fail(
        `${place === "" ? "" : `${place}.`}${key} is unknown; ${meant === undefined ? `known are ${known!.join(", ")}` : `did you mean ${meant}?`}`
      )
    }
    return value as Readonly<Record<string, Json>>
  }

  text(place: string, value: unknown): string {
    return typeof value === "string" && value !== "" ? value : this.mustBe(place, "a text that is not empty", value)
  }

  texts(place: string, value: unknown): Readonly<Record<string, string>> {
    const record = this.record(place, value)
    for (const [key, word] of Object.entries(record)) if (typeof word !== "string") this.mustBe(`${place}.${key}`, "a text", word)
    return record as Readonly<Record<string, string>>
  }

  whole(place: string, value: unknown, least: number): number {
    return Number.isSafeInteger(value) && (value as number) >= least
      ? (value as number)
      : this.mustBe(place, `a whole number of at least ${least}`, value)
  }

  numbers(place: string, value: unknown, least: number): Readonly<Record<string, number>> {
    return Object.fromEntries(Object.entries(this.record(place, value)).map(([key, n]) => [key, this.whole(`${place}.${key}`, n, least)]))
  }

  word<const W extends string>(place: string, value: unknown, words: ReadonlyArray<W>): W {
    return words.includes(value as W) ? (value as W) : this.mustBe(place, words.map((word) => JSON.stringify(word)).join(" or "), value)
  }

  read<A>(place: string, value: unknown, reader: (text: string) => Read<A>): A {
    const read = reader(typeof value === "number" ? String(value) : this.text(place, value))
    return Result.isSuccess(read) ? read.success : this.fail(`${place} ${read.failure}`)
  }

  list(value: unknown): ReadonlyArray<unknown> {
    return Array.isArray(value) ? (value as ReadonlyArray<unknown>) : [value]
  }

  job(name: string, id: string, value: unknown, refer: (place: string, name: string) => string, { now, path }: Setting): JobSpec {
    const place = `jobs.${name}`
    const given = this.record(place, value, fields) as Fields
    const one = <A>(field: keyof Fields, read: (place: string, value: Json) => A): A | undefined =>
      given[field] === undefined ? undefined : read(`${place}.${field}`, given[field])
    const time = (field: keyof Fields) => one(field, (at, text) => this.read(at, text, sizes.duration))
    const retries = one("retries", (at, n) => this.whole(at, n, 0))
    const backoff = time("backoff") ?? 1000
    const after =
      one("after", (at, others) =>
        this.list(others).map((other, i) => this.after(Array.isArray(others) ? `${at}[${i}]` : at, other, refer))
      ) ?? []
    const afterAny = one("afterAny", (at, others) =>
      Job.afterAny(this.list(others).map((other, i) => this.after(Array.isArray(others) ? `${at}[${i}]` : at, other, refer)))
    )
    const labels = one("labels", (at, words) => this.texts(at, words))
    return {
      id,
      name,
      work: this.work(place, given, dirname(path)),
      options: {
        after: afterAny === undefined ? after : [...after, afterAny],
        onUpstream: one("onUpstream", (at, word) => this.word(at, word, ["skip", "run"])),
        when: one("when", (at, text) => this.read(at, text, when.when(now))),
        retry: retries === undefined || retries === 0 ? undefined : { times: retries, delay: backoff, factor: 2 },
        timeout: time("timeout"),
        attemptTimeout: time("attemptTimeout"),
        queueTimeout: time("queueTimeout"),
        flavour: given.task === undefined ? undefined : flavourOf(one("flavour", (at, word) => this.word(at, word, flavours))),
        onLost: one("onLost", (at, word) => this.word(at, word, ["fail", "resume"])),
        labels,
        key: one("key", (at, text) => this.text(at, text)),
        priority: one("priority", (at, word) => this.word(at, word, ["high", "normal", "low"])),
        needs: one("needs", (at, needs) => this.numbers(at, needs, 0))
      }
    }
  }

  /** A name, or a name with the ends that will do. */
  private after(place: string, value: unknown, refer: (place: string, name: string) => string): Job.After {
    if (typeof value === "string") return Job.on(refer(place, value), "completed")
    const { ends, job } = this.record(place, value, ["job", "ends"])
    const words = this.list(ends).map((word) =>
      this.word(`${place}.ends`, word, ["completed", "failed", "timeout", "cancelled", "skipped", "ended"])
    )
    return Job.on(refer(`${place}.job`, this.text(`${place}.job`, job)), words)
  }

  private work(place: string, given: Fields, base: string): Work {
    const kinds = (["command", "shell", "task"] as const).filter((kind) => given[kind] !== undefined)
    if (kinds.length !== 1)
      this.fail(`${place} must have one of command, shell and task, got ${kinds.length === 0 ? "none" : kinds.join(" and ")}`)
    if (given.task !== undefined) {
      for (const other of ["directory", "env"] as const) if (given[other] !== undefined) this.fail(`${place}.${other} is for commands`)
      const target = this.text(`${place}.task`, given.task)
      const named = taskOf(target) ?? this.mustBe(`${place}.task`, "a module and a name of it, such as ./tasks.ts#resize", target)
      return { kind: "task", path: resolve(base, named.path), export: named.export, payload: given.payload }
    }
    for (const other of ["payload", "flavour"] as const) if (given[other] !== undefined) this.fail(`${place}.${other} is for tasks`)
    const common = {
      kind: "command",
      directory: resolve(base, given.directory === undefined ? "." : this.text(`${place}.directory`, given.directory)),
      env: given.env === undefined ? undefined : this.texts(`${place}.env`, given.env)
    } as const
    if (given.shell !== undefined) return { ...common, program: this.text(`${place}.shell`, given.shell), args: [], shell: "sh" }
    const words = given.command
    if (!Array.isArray(words) || words.length === 0 || words.some((word) => typeof word !== "string") || words[0] === "") {
      return this.mustBe(`${place}.command`, `words such as ["make", "-j2"]`, words)
    }
    const [program, ...args] = words as ReadonlyArray<string>
    return { ...common, program: program!, args, shell: undefined }
  }
}
