/** Writes what a job did and what it said as one line of JSON, piece by piece: output may be longer than a string can be. */
import * as Effect from "effect/Effect"
import { isUtf8 } from "node:buffer"
import type { CaptureLost, Captured, Part } from "./capture.ts"
import type { JobRecord } from "./job.ts"
import { endOf, inputOf } from "./records.ts"

/**
 * `{"seq","input","exit","signal","why","start","seconds","attempts","stdout","stderr"}`, and a `message` where there is more to say. Output that is no UTF-8 makes both `stdout` and `stderr` Base64, and `"encoding":"base64"` says so.
 */
export const jsonRecord = <E>(
  record: JobRecord,
  output: Captured | undefined,
  write: (bytes: Uint8Array) => Effect.Effect<void, E>
): Effect.Effect<void, E | CaptureLost> =>
  Effect.gen(function* () {
    const { job } = record
    const head = { seq: job.seq, input: inputOf(job), ...endOf(record), attempts: record.attempts.length }
    const text = output === undefined || ((yield* isText(output.stdout)) && (yield* isText(output.stderr)))
    const encoder = text ? textEncoder : base64Encoder
    const put = (part: string): Effect.Effect<void, E> => (part === "" ? Effect.void : write(Buffer.from(part)))
    yield* put(`${JSON.stringify(head).slice(0, -1)}${text ? "" : ',"encoding":"base64"'},"stdout":"`)
    if (output !== undefined) yield* encoded(output.stdout, encoder(), put)
    yield* put('","stderr":"')
    if (output !== undefined) yield* encoded(output.stderr, encoder(), put)
    yield* put('"}\n')
  })

const isText = (part: Part): Effect.Effect<boolean, CaptureLost> => {
  if (part.bytes !== undefined) return Effect.succeed(isUtf8(part.bytes))
  const decoder = new TextDecoder("utf-8", { fatal: true })
  let text = true
  const step = (bytes?: Uint8Array): void => {
    try {
      if (text) decoder.decode(bytes, { stream: bytes !== undefined })
    } catch {
      text = false
    }
  }
  return Effect.map(
    part.writeTo((bytes) => Effect.sync(() => step(bytes))),
    () => {
      step()
      return text
    }
  )
}

interface Encoder {
  readonly next: (bytes: Uint8Array) => string
  readonly end: () => string
}

const encoded = <E>(part: Part, encoder: Encoder, put: (text: string) => Effect.Effect<void, E>): Effect.Effect<void, E | CaptureLost> =>
  part.size === 0
    ? Effect.void
    : Effect.andThen(
        part.writeTo((bytes) => Effect.suspend(() => put(encoder.next(bytes)))),
        Effect.suspend(() => put(encoder.end()))
      )

const textEncoder = (): Encoder => {
  // A decoder that streams never gives half of a pair of surrogates.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  const escaped = (text: string): string => JSON.stringify(text).slice(1, -1)
  return { next: (bytes) => escaped(decoder.decode(bytes, { stream: true })), end: () => escaped(decoder.decode()) }
}

/** Three bytes make four letters: what is left over waits for the next piece. */
const base64Encoder = (): Encoder => {
  let rest = Buffer.alloc(0)
  return {
    next: (bytes) => {
      const all = Buffer.concat([rest, bytes])
      const whole = all.length - (all.length % 3)
      rest = all.subarray(whole)
      return all.toString("base64", 0, whole)
    },
    end: () => rest.toString("base64")
  }
}
