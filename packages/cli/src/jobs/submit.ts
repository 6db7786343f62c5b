/** `skein jobs submit`: leaves jobs in a store. */
import * as Job from "@skein/engine/Job"
import type { Json } from "@skein/engine/JobStore"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { existsSync } from "node:fs"
import * as fs from "node:fs/promises"
import { basename, resolve } from "node:path"
import { UsageError } from "../flags.ts"
import * as sizes from "../sizes.ts"
import * as board from "./board.ts"
import type { Desk, Handler } from "./desk.ts"
import { one } from "./find.ts"
import { fresh } from "./ids.ts"
import { flavourOf, type flavours, type JobSpec, storedOf, taskOf, type Work } from "./jobSpec.ts"
import * as jobsFile from "./jobsFile.ts"
import { amounts } from "./limits.ts"
import { count, given, refusable } from "./reading.ts"
import { tellOfNobody } from "./requests.ts"
import { ends } from "./wait.ts"
import * as when from "./when.ts"

export const submit: Handler = (desk) =>
  Effect.gen(function* () {
    const { print, say, store, values } = desk
    const specs = values.has("file") ? yield* ofFile(desk, values.text("file")!) : [yield* ofWords(desk)]
    for (const id of [...values.all("after"), ...values.all("after-end")]) yield* one(desk, id)
    if (values.has("id") && (yield* board.get(store, values.text("id")!)) !== undefined) {
      return yield* new UsageError({
        message: `there is a job ${JSON.stringify(values.text("id"))} already; skein jobs retry runs it again`
      })
    }
    const key = values.text("key")
    const same =
      key === undefined
        ? undefined
        : (yield* board.list(store)).find(({ run, state }) => run.key === key && run.endedAt === undefined && state !== "refused")
    if (same !== undefined) yield* say(`a job with the key ${JSON.stringify(key)} has not ended: nothing is submitted`)
    else {
      const jobs = yield* refusable(() => specs.map(storedOf))
      yield* store.request({ _tag: "Submit", jobs })
    }
    const ids = same === undefined ? specs.map(({ id }) => id) : [same.run.id]
    if (values.has("wait")) return yield* ends(desk, ids)
    for (const [i, id] of ids.entries()) {
      const name = same?.run.name ?? specs[i]!.name
      yield* print(values.has("json") ? `${JSON.stringify({ id, name })}\n` : values.has("file") ? `${id}  ${name}\n` : `${id}\n`)
    }
    yield* tellOfNobody(desk, ids.length)
    return 0
  })

/** What the file says itself. */
const inFile = [
  "name",
  "id",
  "after",
  "after-end",
  "on-upstream",
  "when",
  "label",
  "key",
  "priority",
  "need",
  "retries",
  "backoff",
  "timeout",
  "directory",
  "payload",
  "flavour",
  "on-lost"
]

const ofFile = ({ look, values, words }: Desk, path: string) =>
  Effect.gen(function* () {
    const other = inFile.find((name) => values.has(name))
    if (other !== undefined)
      return yield* new UsageError({ message: `--${other} and --file cannot be used together: the file says it of each of its jobs` })
    if (words.length > 0) return yield* new UsageError({ message: `${JSON.stringify(words[0])} means nothing beside --file` })
    const text = yield* Effect.tryPromise({
      try: () => fs.readFile(path, "utf8"),
      catch: (error) => new UsageError({ message: (error as Error).message })
    })
    const file = yield* given(() => jobsFile.parse(text, { path, now: look.now(), idOf: fresh, others: "ids" }))
    if (Object.keys(file.limits).length > 0) {
      return yield* new UsageError({ message: `${path}: limits are those of the engine; say them to skein jobs work, as in --limit gpu=1` })
    }
    return file.jobs
  })

const json = (text: string): sizes.Read<Json> => {
  try {
    return Result.succeed(JSON.parse(text) as Json)
  } catch (error) {
    return Result.fail(`must be JSON, got ${JSON.stringify(text)}: ${(error as Error).message}`)
  }
}

const nonEmpty = (text: string): sizes.Read<string> => (text === "" ? Result.fail("must not be empty") : Result.succeed(text))

const ofWords = (desk: Desk) =>
  given((): JobSpec => {
    const { look, values } = desk
    const work = workOf(desk)
    const retries = values.read("retries", count, "0")
    if (retries === 0 && values.has("backoff")) throw new UsageError({ message: "--backoff needs --retries" })
    const word = (name: string): never => values.text(name) as never
    return {
      id: values.read("id", nonEmpty) ?? fresh(),
      name: values.read("name", nonEmpty) ?? (work.kind === "command" ? basename(work.program) : work.export),
      work,
      options: {
        after: [...values.all("after").map((id) => Job.on(id, "completed")), ...values.all("after-end").map((id) => Job.on(id, "ended"))],
        onUpstream: word("on-upstream"),
        when: values.read("when", when.when(look.now())),
        labels: values.has("label") ? board.labelsOf(values) : undefined,
        key: values.read("key", nonEmpty),
        priority: word("priority"),
        needs: values.has("need") ? amounts(values, "need", 0) : undefined,
        retry: retries === 0 ? undefined : { times: retries, delay: values.read("backoff", sizes.duration, "1s"), factor: 2 },
        timeout: values.read("timeout", sizes.duration),
        onLost: word("on-lost"),
        flavour: work.kind === "task" ? flavourOf(values.text("flavour") as (typeof flavours)[number]) : undefined
      }
    }
  })

/** @throws UsageError */
const workOf = ({ dashed, values, words }: Desk): Work => {
  const [first, ...args] = words
  if (first === undefined) throw new UsageError({ message: "which command? As in: skein jobs submit -- make -j2" })
  const task = dashed ? undefined : taskOf(first)
  if (task !== undefined && args.length > 0) {
    throw new UsageError({
      message: `${JSON.stringify(args[0])} means nothing behind a function of a module; a command of this name stands behind --`
    })
  }
  if (task === undefined) {
    for (const name of ["payload", "flavour"])
      if (values.has(name)) throw new UsageError({ message: `--${name} is for a function of a module, such as ./tasks.ts#resize` })
    return { kind: "command", program: first, args, shell: undefined, directory: resolve(values.text("directory") ?? "."), env: undefined }
  }
  if (values.has("directory")) throw new UsageError({ message: "--directory is for commands" })
  const path = resolve(task.path)
  if (!existsSync(path))
    throw new UsageError({ message: `there is no file ${JSON.stringify(task.path)}; a command of this name stands behind --` })
  return { kind: "task", path, export: task.export, payload: values.read("payload", json) }
}
