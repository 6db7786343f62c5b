/** Makes descriptions of what users give. */
import * as Settings from "@skein/core/Settings"
import { Description, type Given, known } from "./description.ts"
import { isJob } from "./references.ts"
import * as work from "./work.ts"

const knownOfMake = ["run", "input", ...known]
const knownOfTask = ["name", ...known]

export const make = (name: string, options: Given & { readonly run?: unknown; readonly input?: unknown }): Description => {
  const where = "Job.make"
  Settings.known(where, options, knownOfMake)
  const { input, run, ...given } = options
  return new Description(where, name, work.ofEffect(where, run, input), input, given)
}

export const task = (what: unknown, payload: unknown, options: Given & { readonly name?: string } = {}): Description => {
  const where = "Job.task"
  if (!work.isTask(what)) throw new TypeError(Settings.mustBe(where, "task", "a Task", what).message)
  Settings.known(where, options, knownOfTask)
  const { name = what.definition.name, ...given } = options
  return new Description(where, name, work.ofTask(what), payload, given)
}

export const withOptions = (job: unknown, options: Given): Description => {
  const where = "Job.with"
  if (!isJob(job)) throw new TypeError(Settings.mustBe(where, "job", "a Job", job).message)
  Settings.known(where, options, known)
  return (job as Description).with(where, options)
}
