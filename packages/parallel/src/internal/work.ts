/** Checks what a fan-out is to work on, whichever function it was given to. */
import * as Settings from "@skein/core/Settings"
import * as Effect from "effect/Effect"
import type { Work } from "./gatherPump.ts"
import { type Input, isInput } from "./source.ts"

type AnyEffect = Effect.Effect<any, any, any>

export const identity = (effect: AnyEffect): AnyEffect => effect

const kinds = "an iterable, an async iterable or a Stream"

/** The work of a map; throws at once if there is none to be done. */
export const ofItems = (where: string, items: unknown, f: unknown): Work<any, any, any> => {
  // An effect is iterable too, for `yield*`.
  if (!isInput(items) || Effect.isEffect(items)) throw new TypeError(Settings.mustBe(where, "items", kinds, items).message)
  if (typeof f !== "function") throw new TypeError(Settings.mustBe(where, "f", "a function", f).message)
  return { items, f: f as Work<any, any, any>["f"] }
}

/** The work of a fan-out over effects in a row. */
export const ofEffects = (where: string, effects: unknown): Input<AnyEffect> => {
  if (!isInput(effects) || Effect.isEffect(effects)) {
    throw new TypeError(Settings.mustBe(where, "effects", `${kinds} of effects`, effects).message)
  }
  return effects as Input<AnyEffect>
}

/** The work of a gather, which takes records too. */
export const ofEffectsOrRecord = (where: string, effects: unknown): Work<any, any, any> => {
  if (typeof effects !== "object" || effects === null || Effect.isEffect(effects)) {
    throw new TypeError(
      Settings.mustBe(where, "effects", "an iterable, an async iterable, a Stream or a record of effects", effects).message
    )
  }
  if (isInput(effects)) return { items: effects, f: identity }
  const names = Object.keys(effects)
  return {
    items: names.map((name) => (effects as Readonly<Record<string, AnyEffect>>)[name]!),
    f: identity,
    names,
    shape: (list) => {
      const shape: Record<string, unknown> = {}
      // defineProperty, so that a key such as `__proto__` is a key like any other.
      names.forEach((name, i) =>
        Object.defineProperty(shape, name, { value: list[i], enumerable: true, configurable: true, writable: true })
      )
      return shape
    }
  }
}
