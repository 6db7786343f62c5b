/** `skein jobs prune`: forgets jobs that have ended. */
import type * as JobStore from "@skein/engine/JobStore"
import * as Effect from "effect/Effect"
import { UsageError } from "../flags.ts"
import { counted } from "../quantities.ts"
import * as board from "./board.ts"
import type { Desk, Handler } from "./desk.ts"
import * as outputFiles from "./outputFiles.ts"
import { given, noWords } from "./reading.ts"

export const prune: Handler = (desk) =>
  Effect.gen(function* () {
    const { look, print, store, values } = desk
    yield* noWords(desk)
    const filter = yield* given(() => filterOf(desk))
    const [found, kept] = yield* prunable(store, filter)
    const [verb, rest] = values.has("dry-run") ? ["would be removed", "would stay"] : ["removed", "stayed"]
    if (!values.has("dry-run")) yield* remove(desk, found)
    const because =
      kept === 0 ? "" : `; ${counted(kept, "job")} ${rest}, since jobs that have not ended come after ${kept === 1 ? "it" : "them"}`
    yield* print(`${look.paint("bold", counted(found.length, "job"))} ${verb}${because}\n`)
    return 0
  })

/** @throws UsageError */
const filterOf = ({ look, values }: Desk): board.Filter => {
  const filter = board.filterOf(values, look.now())
  const active = filter.state?.find((state) => state === "waiting" || state === "running")
  if (active !== undefined)
    throw new UsageError({ message: `--state must be that of an end, got "${active}"; skein jobs cancel ends what has not ended` })
  return { ...filter, state: filter.state ?? [...board.ends, "refused"] }
}

/** What may go, and how many of those that were meant have to stay. */
const prunable = (store: JobStore.JobStore, filter: board.Filter) =>
  Effect.gen(function* () {
    const active = yield* board.list(store, { state: ["waiting", "running"] })
    const needed = new Set(active.flatMap(({ run }) => (run.rerunOf === undefined ? run.upstream : [...run.upstream, run.rerunOf])))
    const found = yield* board.list(store, filter)
    const free = found.filter(({ run }) => !needed.has(run.id))
    return [free, found.length - free.length] as const
  })

/** The engine that works on the store does it; where there is none, it is done here. */
const remove = (desk: Desk, entries: ReadonlyArray<board.Entry>) =>
  Effect.gen(function* () {
    const { path, store } = desk
    if (entries.length === 0) return
    const owner = yield* Effect.catch(Effect.asSome(store.own), (error) =>
      error.reason._tag === "Owned" ? Effect.succeedNone : Effect.fail(error)
    )
    if (owner._tag === "None") {
      for (const { run } of entries) yield* store.request({ _tag: "Remove", id: run.id })
      return
    }
    const refused = new Set(entries.filter(({ state }) => state === "refused").map(({ run }) => run.id))
    const forgotten = (yield* store.requests)
      .filter(({ refusal, request }) => refusal !== undefined && idsOf(request).some((id) => refused.has(id)))
      .map(({ number }): JobStore.StoredChange => ({ type: "answered", request: number, refusal: undefined }))
    const removed = entries
      .filter(({ state }) => state !== "refused")
      .map(({ run }): JobStore.StoredChange => ({ type: "removed", id: run.id }))
    yield* owner.value.append([...removed, ...forgotten])
    yield* outputFiles.remove(
      path,
      entries.map(({ run }) => run.id)
    )
  })

const idsOf = (request: JobStore.Request): ReadonlyArray<string> =>
  request._tag === "Submit" ? request.jobs.map(({ id }) => id) : request._tag === "Rerun" ? [request.as] : []
