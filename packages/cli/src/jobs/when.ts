/** Reads `--when`: an instant, a time from now, a window of the day, days of the week, or a cron expression. */
import * as Condition from "@skein/engine/Condition"
import * as Result from "effect/Result"
import * as sizes from "../sizes.ts"
import { instant } from "./instants.ts"

const expected =
  "an instant such as 2026-11-20T08:00, a time from now such as +30m, a window such as 22:00-06:00, days such as mon-fri, both such as mon-fri 22:00-06:00, or a cron expression such as 0 3 * * *"

const windowShape =
  /^(?:([a-z]{3}(?:-[a-z]{3})?(?:,[a-z]{3}(?:-[a-z]{3})?)*)(?: +|$))?(?:(\d{2}:\d{2}(?::\d{2})?)-(\d{2}:\d{2}(?::\d{2})?))?$/

/** How long an occurrence of a cron expression counts: an engine that was busy or away for less does not miss it. */
const lasting = "1 minute"

/** On the clock of this machine. */
export const when =
  (now: number) =>
  (text: string): sizes.Read<Condition.Data> => {
    const wrong = Result.fail(`must be ${expected}, got ${JSON.stringify(text)}`)
    const at = instant(text)
    if (at !== undefined) return Result.succeed(Condition.after(at))
    if (text.startsWith("+")) {
      const length = sizes.duration(text.slice(1))
      return Result.isSuccess(length) ? Result.succeed(Condition.after(now + length.success)) : wrong
    }
    try {
      const [, days, from, to] = text === "" ? [] : (windowShape.exec(text) ?? [])
      const on = days?.split(",")
      if (from !== undefined && to !== undefined)
        return Result.succeed(Condition.window({ from, to, ...(on === undefined ? {} : { on }) } as never))
      if (on !== undefined) return Result.succeed(Condition.weekdays(on as never))
      if (text.trim().split(/\s+/).length < 5) return wrong
      return Result.succeed(Condition.cron(text, { for: lasting }))
    } catch (error) {
      return Result.fail(`${JSON.stringify(text)} is refused: ${(error as Error).message}`)
    }
  }
