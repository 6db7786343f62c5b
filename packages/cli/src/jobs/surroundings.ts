/** What an engine of the command line has around it: workers for functions, and a place for what is printed and logged by whoever does not know of it. */
import * as Processes from "@skein/node/Processes"
import * as Workers from "@skein/node/Workers"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { bootOf } from "../taskModule.ts"
import type { LiveView } from "./liveView.ts"

/** Where functions may run. Nothing is started before the first of them. */
export const flavours = (): Readonly<Record<"worker" | "process", Layer.Layer<never>>> =>
  ({
    worker: Workers.layer(bootOf("thread")),
    process: Processes.layer({ stdout: "stderr", ...bootOf("process") })
  }) as never

/** What functions of this process and its threads print goes to standard error, above the table: standard output is for answers. */
export const printAside = (view: LiveView): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const { write } = process.stdout
        process.stdout.write = ((chunk: string | Uint8Array, ...rest: ReadonlyArray<never>) =>
          process.stderr.write(view.around(Buffer.from(chunk as string)), ...rest)) as typeof process.stdout.write
        return write
      }),
      (write) => Effect.sync(() => void (process.stdout.write = write))
    )
  )

/** What the engine logs is told as a line. What jobs log is theirs. */
export const logger = (view: LiveView): Layer.Layer<never> =>
  Logger.layer([Logger.make(({ message }) => view.log(`skein jobs: ${[message].flat().map(String).join(" ")}`))])
