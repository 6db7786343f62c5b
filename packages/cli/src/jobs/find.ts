/** Finds the jobs that a person names, or says what was probably meant. */
import * as Effect from "effect/Effect"
import { UsageError } from "../flags.ts"
import { nearest } from "../suggest.ts"
import * as board from "./board.ts"
import type { Desk } from "./desk.ts"

/** Those of the words of a desk, each once, in their order. Fails at the first that is unknown. */
export const named = (desk: Desk) =>
  Effect.gen(function* () {
    if (desk.words.length === 0) return yield* new UsageError({ message: "which job? Its id is expected; skein jobs list shows them" })
    return yield* Effect.forEach([...new Set(desk.words)], (id) => one(desk, id))
  })

export const one = (desk: Pick<Desk, "store">, id: string) =>
  Effect.flatMap(board.get(desk.store, id), (entry) => (entry === undefined ? unknown(desk, id) : Effect.succeed(entry)))

/** So many of the newest jobs are looked through for what was meant. */
const among = 10_000

const unknown = (desk: Pick<Desk, "store">, id: string) =>
  Effect.gen(function* () {
    const all = yield* board.list(desk.store, {}, among)
    const sameName = all.findLast(({ run }) => run.name === id)
    const meant = nearest(
      id,
      all.map(({ run }) => run.id)
    )
    const hint =
      sameName !== undefined
        ? `; the last one of that name is ${sameName.run.id}`
        : meant !== undefined
          ? `; did you mean ${meant}?`
          : all.length === 0
            ? "; the store is empty"
            : ""
    return yield* new UsageError({ message: `there is no job ${JSON.stringify(id)} in ${desk.store.name}${hint}` })
  })
