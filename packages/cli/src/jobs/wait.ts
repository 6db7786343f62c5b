/** `skein jobs wait`: waits for the ends of jobs, and tells each. */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as sizes from "../sizes.ts"
import * as board from "./board.ts"
import type { Desk, Handler } from "./desk.ts"
import { named } from "./find.ts"
import * as follow from "./follow.ts"
import { given } from "./reading.ts"
import { json, styleOf, took, why } from "./words.ts"

/** The exit codes: all completed, some did not, the time was over. */
const codes = { completed: 0, otherwise: 1, late: 124 } as const

export const wait: Handler = (desk) =>
  Effect.gen(function* () {
    const timeout = yield* given(() => desk.values.read("timeout", sizes.duration))
    const entries = yield* named(desk)
    return yield* ends(
      desk,
      entries.map(({ run }) => run.id),
      timeout
    )
  })

/** Waits for these jobs, tells each end as it comes, and gives the exit code. One that is forgotten meanwhile counts as one that did not complete. */
export const ends = (desk: Desk, ids: ReadonlyArray<string>, timeout?: number) =>
  Effect.gen(function* () {
    const left = new Set(ids)
    let code: number = codes.completed
    const look = Effect.gen(function* () {
      for (const id of left) {
        const entry = yield* board.get(desk.store, id)
        if (entry !== undefined && entry.run.endedAt === undefined && entry.state !== "refused") continue
        left.delete(id)
        if (entry?.state !== "completed") code = codes.otherwise
        if (entry === undefined) yield* desk.say(`${id} is not kept any more`)
        else yield* desk.print(desk.values.has("json") ? json(entry) : `${told(desk, entry)}\n`)
      }
      return left.size === 0 ? Option.some(undefined) : Option.none()
    })
    const waiting = follow.until(desk, look)
    const done = yield* timeout === undefined ? Effect.asSome(waiting) : Effect.timeoutOption(waiting, timeout)
    if (Option.isSome(done)) return code
    yield* desk.say(`the time is over, still waiting for ${[...left].join(", ")}`)
    return codes.late
  })

const told = ({ look }: Desk, entry: board.Entry): string => {
  const { run, state } = entry
  const time = took(entry, look.now())
  const reason = why(entry, () => true)
  return `${look.paint("bold", run.id)}  ${run.name}  ${look.paint(styleOf(entry) ?? "bold", state)}${time === "" ? "" : ` in ${time}`}${reason === "" ? "" : `: ${reason}`}`
}
