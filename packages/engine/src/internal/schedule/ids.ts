/** The ids by which jobs of ticks are known: the name and the instant, so that they are the same after a crash. */
import type { Tick } from "./model.ts"

/** An instant as ids have it: whole seconds without a fraction. */
export const timeOf = (at: number): string => new Date(at).toISOString().replace(".000Z", "Z")

export const idOf = (name: string, at: number, cause: Tick["cause"]): string => `${name}${cause === "trigger" ? "!" : "@"}${timeOf(at)}`

const idTail = /^[@!]([+-]?\d+-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)(?:\/\d+)?$/

/** Whether an id is that of a tick of the schedule of this name. */
export const isOwn = (name: string, id: string): boolean => id.startsWith(name) && idTail.test(id.slice(name.length))

/** The instant of the tick of an id. */
export const instantOf = (name: string, id: string): number => Date.parse(idTail.exec(id.slice(name.length))![1]!)

/** Whether a tick lies on a grid: there is no other one of its instant. */
export const isOfGrid = (tick: Tick): boolean => tick.cause === "due" || tick.cause === "late"
