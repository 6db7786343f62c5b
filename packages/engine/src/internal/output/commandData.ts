/** Runs a command inside a job, what it writes going to the output of that job. */
import * as Settings from "@skein/core/Settings"
import * as Command from "@skein/node/Command"
import * as OutputFile from "@skein/node/OutputFile"
import * as Effect from "effect/Effect"
import type { Json } from "../../JobStore.ts"
import type { Portable, Work } from "../work.ts"
import { codecs } from "./commandEnds.ts"
import { commandOf, decodeForm, encodeForm, type Form } from "./commandForm.ts"
import { CurrentOutput } from "./current.ts"

const where = "CommandJob.make"

/** What a job keeps of a long output; the run's own output has more, and its files have all. */
const kept: Command.Options = { maxBytes: 64 * 1024, overflow: "tail" }

/** With bounds of one's own, they are as `Command` has them. */
const boundsOf = (options: { readonly [option: string]: unknown }): Command.Options =>
  options["maxBytes"] === undefined && options["overflow"] === undefined ? kept : {}

const failed = (command: Command.Command, reason: Command.Reason): Command.CommandError =>
  new Command.CommandError({ command: Command.display(command), reason })

const start = (form: Form, workingDirectory: string): Effect.Effect<Command.Output, Command.CommandError> =>
  Effect.flatMap(CurrentOutput, (output) => {
    const folder = output?.folder
    const bounds = boundsOf(form.options)
    const plain = commandOf(where, form, bounds)
    if (workingDirectory === "job" && folder === undefined) {
      const message = "no folder of the job: the engine has no directory"
      return Effect.fail(failed(plain, new Command.NoDirectory({ directory: "job", message })))
    }
    if (output === undefined) return commandOf(where, form, { ...bounds, ...directoryOf(workingDirectory, folder) })
    const targets = { stdout: output.channel("stdout"), stderr: output.channel("stderr") }
    const run = (more: Command.Options): Effect.Effect<Command.Output, Command.CommandError> =>
      OutputFile.run(commandOf(where, form, { ...bounds, ...directoryOf(workingDirectory, folder), ...more }), targets)
    if (folder === undefined) return run({})
    const recorded = Effect.catchIf(
      run({ record: folder }),
      // Nothing has run. A record is wanted, and no reason to fail.
      ({ reason }) => reason._tag === "FileFailed" && reason.of === "record" && form.options["record"] === undefined,
      () => run({})
    )
    if (workingDirectory !== "job") return recorded
    return Effect.matchEffect(OutputFile.makeFolder(folder), {
      onSuccess: () => recorded,
      onFailure: ({ message }) => Effect.fail(failed(plain, new Command.NoDirectory({ directory: folder, message })))
    })
  })

const directoryOf = (workingDirectory: string, folder: string | undefined): Command.Options =>
  workingDirectory === "inherit" ? {} : { directory: workingDirectory === "job" ? folder : workingDirectory }

const input: Portable["input"] = { encode: (form) => encodeForm(form as Form), decode: decodeForm }

export const commandWork = (workingDirectory: string): Work => ({
  start: (form) => start(form as Form, workingDirectory),
  portable: { data: { kind: "command", workingDirectory }, input, ...codecs },
  onLost: "fail"
})

/** Makes the work again that was kept. Throws for what is none. */
export const workOf = (data: Json): Work => {
  const { kind, workingDirectory } = data as { readonly [name: string]: Json }
  if (kind !== "command" || typeof workingDirectory !== "string" || workingDirectory === "")
    throw Settings.mustBe(where, "data", "the data of a command", data)
  return commandWork(workingDirectory)
}
