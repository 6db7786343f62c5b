import { Signals } from "@skein/node"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "vitest"

describe("Signals.stopOn", () => {
  it("removes its handlers when the scope closes, however the scope ends", async () => {
    const listeners = () => (["SIGINT", "SIGTERM"] as const).map((signal) => process.listenerCount(signal))
    const before = listeners()
    const during = await Effect.runPromise(Effect.scoped(Effect.map(Signals.stopOn(), listeners)))
    await Effect.runPromise(Effect.exit(Effect.scoped(Effect.andThen(Signals.stopOn(), Effect.fail("broken")))))
    await Effect.runPromise(Effect.timeoutOption(Effect.scoped(Effect.andThen(Signals.stopOn(), Effect.never)), "1 millis"))
    expect(during).toEqual(before.map((n) => n + 1))
    expect(listeners()).toEqual(before)
  })

  it.each([
    [{ signals: [] }, "Signals.stopOn: signals must be names of signals, got []"],
    [{ signals: ["SIGNOTHING" as "SIGINT"] }, `Signals.stopOn: signals must be names of signals, got ["SIGNOTHING"]`],
    [{ onSecond: "panic" as "exit" }, `Signals.stopOn: onSecond must be "exit" or "ignore", got "panic"`]
  ])("refuses %j at once", (options, message) => {
    expect(() => Signals.stopOn(options)).toThrow(new RangeError(message))
  })
})

describe("Signals.exitCode", () => {
  it("is 128 and the number of the signal", () => {
    expect([Signals.exitCode("SIGHUP"), Signals.exitCode("SIGINT"), Signals.exitCode("SIGTERM")]).toEqual([129, 130, 143])
  })
})
