/** `skein jobs cancel` and `retry`: leave requests for the engine. */
import * as Effect from "effect/Effect"
import { UsageError } from "../flags.ts"
import type { Desk, Handler } from "./desk.ts"
import { named } from "./find.ts"
import { fresh } from "./ids.ts"
import { ends } from "./wait.ts"

export const cancel: Handler = (desk) =>
  Effect.gen(function* () {
    const { say, store, values } = desk
    const entries = yield* named(desk)
    const open = entries.filter(({ run, state }) => run.endedAt === undefined && state !== "refused")
    for (const { run, state } of entries.filter((entry) => !open.includes(entry))) yield* say(`${run.id} has ended: ${state}`)
    for (const { run } of open) yield* store.request({ _tag: "Cancel", id: run.id, reason: values.text("reason") })
    if (values.has("wait")) {
      yield* ends(
        desk,
        open.map(({ run }) => run.id)
      )
      return 0
    }
    yield* tellOfNobody(desk, open.length)
    return 0
  })

export const retry: Handler = (desk) =>
  Effect.gen(function* () {
    const { store, values } = desk
    const entries = yield* named(desk)
    for (const { run, state } of entries) {
      if (state === "refused") return yield* new UsageError({ message: `${run.id} was never taken in; submit it again` })
      if (run.endedAt === undefined) return yield* new UsageError({ message: `${run.id} has not ended: it is ${state}` })
    }
    const ids = yield* Effect.forEach(entries, ({ run }) => {
      const as = fresh()
      return Effect.as(store.request({ _tag: "Rerun", id: run.id, as }), as)
    })
    if (values.has("wait")) return yield* ends(desk, ids)
    for (const id of ids) yield* desk.print(values.has("json") ? `${JSON.stringify({ id })}\n` : `${id}\n`)
    yield* tellOfNobody(desk, ids.length)
    return 0
  })

/** Says so where nobody is there to carry requests out. */
export const tellOfNobody = ({ say, store }: Pick<Desk, "say" | "store">, requests: number) =>
  Effect.gen(function* () {
    if (requests === 0 || (yield* store.isOwned)) return
    yield* say(`no engine works on ${store.name} now; the next one will see to it`)
  })
