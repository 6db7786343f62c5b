/**
 * The frames that a pool and its workers exchange: a head of five 32-bit words, then text in UTF-8.
 *
 * ```
 * bytes of the whole frame │ kind and flags │ call │ slot │ number │ text …
 * ```
 *
 * `call` numbers the calls of a pool; `slot` is the place in its worker that a call has while the worker knows of it. What the number is depends on the kind. Text that is plain ASCII is flagged, for it is read
 * faster.
 */

/** What a frame says. To a worker: `define` to `end`; from a worker: the others. */
export const kind = {
  /** The rest of a ring is unused: read on at its start. */
  wrap: 1,
  /** Text: a definition, as JSON. Number: how calls refer to it. */
  define: 2,
  /** Text: the payload. Number: of the definition. */
  call: 3,
  /** The call shall stop. */
  interrupt: 4,
  /** Text: a message to the running call. */
  tell: 5,
  /** The worker shall end. */
  end: 6,
  /** Text: a value. Number: how long it ran, in microseconds. */
  success: 7,
  /** Text: a cause. Number: as above. */
  failure: 8,
  /** Text: a message from the running call. */
  told: 9,
  /** The call was taken back before it started; its slot is free. */
  skipped: 10,
  /** Text: why the module of the call cannot be used. */
  broken: 11,
  /** The worker has seen that the call shall stop. */
  heard: 12,
  /** Number: bytes of heap in use, in kB. */
  heap: 13,
  /** The worker can take calls. */
  ready: 14,
  /** Number: 1 when the module of the call is being loaded, 0 when it has been. */
  loading: 15,
  /** The function of the call was ended from outside. */
  cut: 16
} as const

export type Kind = (typeof kind)[keyof typeof kind]

/** Flags beside a kind. */
export const flag = {
  ascii: 0x100,
  /** Text and parts travel by other means: a message that carries the number of the call. */
  external: 0x200,
  /** The text is followed by parts; it starts with the length of its first half. */
  parts: 0x400
} as const

export const headBytes = 20

/** Takes frames from a worker or a pool. */
export type Take = (kind: Kind, flags: number, call: number, slot: number, number: number, text: string) => void
