/** Keeps what happened, in order, as one array of words: an order of events is one equality. */
import * as Effect from "effect/Effect"

export interface Recorder {
  readonly events: Array<string>
  /** Notes an event at once. */
  readonly note: (event: string) => void
  /** Notes an event when it is run. */
  readonly mark: (event: string) => Effect.Effect<void>
}

export const recorder = (): Recorder => {
  const events: Array<string> = []
  const note = (event: string): void => {
    events.push(event)
  }
  return { events, note, mark: (event) => Effect.sync(() => note(event)) }
}

/** The events whose words begin so, without the beginning. */
export const whichOf = (events: ReadonlyArray<string>, end: string): Array<string> =>
  events.filter((event) => event.endsWith(` ${end}`)).map((event) => event.slice(0, -end.length - 1))
