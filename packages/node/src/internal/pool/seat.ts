/** The pool's side of one worker: which calls it has, and how it is spoken to. */
import type * as TaskRunner from "@skein/parallel/TaskRunner"
import type { Kind } from "./frame.ts"
import type { Job } from "./job.ts"

/** How a worker ended. */
export interface End {
  readonly exitCode: number | null
  readonly signal: string | null
  readonly message: string | undefined
}

/** A frame as a pool takes it. */
export type Received = readonly [
  kind: Kind,
  call: number,
  slot: number,
  number: number,
  text: string,
  parts: ReadonlyArray<unknown> | undefined
]

/** What a worker tells its pool. */
export interface Listener {
  /** A frame came. Parts are there if the frame came with some. */
  readonly onFrame: (...frame: Received) => void
  /** All frames that had come were given. */
  readonly onDrained: () => void
  /** The worker has ended, and all that it sent has been given. */
  readonly onEnd: (end: End) => void
}

/** The way to one worker, thread or process. */
export interface Link {
  /** Gives a definition to the worker; false if there is no room now. */
  readonly define: (number: number, definition: TaskRunner.Definition) => boolean
  /** Gives a call to the worker; false if there is no room now. Throws if the payload cannot leave. */
  readonly call: (job: Job, slot: number, definition: number, text: string) => boolean
  /** Takes a call back that has not started: true if it never will, false if it has started or that cannot be known. */
  readonly revoke: (job: Job, slot: number) => boolean
  /** What is known of a call when its worker has ended. */
  readonly stateOf: (job: Job, slot: number) => "queued" | "loading" | "running"
  readonly interrupt: (call: number) => void
  readonly tell: (call: number, text: string) => void
  /** Asks the worker to end when nothing runs in it. */
  readonly end: () => void
  /**
   * Ends the function that a call is inside of, and leaves the worker alive: then a frame `cut` comes. False, and nothing was done, if that cannot be; `onFailed` is called if it turns out later. Missing where a worker has
   * no such way.
   */
  readonly cut?: ((job: Job, slot: number, onFailed: () => void) => boolean) | undefined
  /** Ends it by force. */
  readonly kill: () => void
  /** Whether it keeps the process alive. */
  readonly hold: (alive: boolean) => void
}
