/** The description of a job, read and checked once. */
import * as Settings from "@skein/core/Settings"
import * as Effect from "effect/Effect"
import type * as Condition from "../Condition.ts"
import { condition as readCondition } from "./condition/read.ts"
import { type Group, groupsOf, JobTypeId, type Place, placesOf } from "./references.ts"
import { maskOf, all } from "./ends.ts"

const known = [
  "id",
  "run",
  "input",
  "after",
  "when",
  "needs",
  "priority",
  "retry",
  "timeout",
  "attemptTimeout",
  "queueTimeout",
  "onUpstream",
  "labels",
  "key"
] as const

const where = "Job.make"
const variance = {} as never
const noPlaces: ReadonlyMap<Place, number> = new Map()
const noGroups: ReadonlyArray<Group> = []
const noLabels: Readonly<Record<string, string>> = {}
const oneJob: Readonly<Record<string, number>> = { jobs: 1 }
export const levels = ["high", "normal", "low"] as const

/** Times are in milliseconds, `Infinity` for none. */
export class Description {
  readonly [JobTypeId]: never = variance
  readonly name: string
  readonly id: string | undefined
  readonly work: Effect.Effect<unknown, unknown, unknown> | ((input: unknown) => unknown)
  readonly input: unknown
  /** The places in the input, each with the number of its group. */
  readonly places: ReadonlyMap<Place, number>
  readonly groups: ReadonlyArray<Group>
  readonly when: Condition.Condition | undefined
  readonly needs: Readonly<Record<string, number>>
  /** The needs as one word, the same for the same needs. */
  readonly signature: string
  /** 0 is the highest. */
  readonly level: number
  readonly retry: Settings.Settings["retry"]
  readonly timeout: number
  readonly attemptTimeout: number
  readonly queueTimeout: number
  readonly waives: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly key: string | undefined
  readonly createdAt: number

  constructor(name: string, o: { readonly [K in (typeof known)[number]]?: unknown }) {
    this.name = name
    this.id = nonEmpty("id", o.id)
    this.key = nonEmpty("key", o.key)
    if (typeof o.run !== "function" && !Effect.isEffect(o.run)) {
      throw new TypeError(Settings.mustBe(where, "run", "an Effect or a function that gives one", o.run).message)
    }
    if (o.input !== undefined && typeof o.run !== "function") {
      throw new TypeError(Settings.mustBe(where, "run", "a function of the input", o.run).message)
    }
    this.work = o.run as Description["work"]
    this.input = o.input
    const places = o.input === undefined ? [] : placesOf(where, o.input)
    this.places = places.length === 0 ? noPlaces : new Map(places.map((place, i) => [place, i]))
    const groups = [...places.map(groupOfPlace), ...groupsOf(where, o.after)]
    this.groups = groups.length === 0 ? noGroups : groups
    this.when = o.when === undefined ? undefined : readCondition(where, "when", o.when)
    this.needs = o.needs === undefined ? oneJob : needsOf(o.needs)
    this.signature = signatureOf(this.needs)
    this.level = o.priority === undefined ? 1 : levels.indexOf(Settings.oneOf(where, "priority", o.priority, levels))
    this.retry = o.retry === undefined ? undefined : Settings.read(where, { retry: o.retry }, []).retry
    this.timeout = time("timeout", o.timeout)
    this.attemptTimeout = time("attemptTimeout", o.attemptTimeout)
    this.queueTimeout = time("queueTimeout", o.queueTimeout)
    this.waives = Settings.oneOf(where, "onUpstream", o.onUpstream, ["skip", "run"]) === "run"
    this.labels = o.labels === undefined ? noLabels : labelsOf(o.labels)
    this.createdAt = Date.now()
  }
}

const groupOfPlace = (place: Place): Group => ({
  kind: place.isResult ? "result" : "outcome",
  members: [{ ref: place.ref, mask: place.isResult ? maskOf.completed : all }]
})

const nonEmpty = (option: string, value: unknown): string | undefined => {
  if (value === "") throw Settings.mustBe(where, option, "a string that is not empty", value)
  return Settings.text(where, option, value)
}

const time = (option: string, value: unknown): number => (value === undefined ? Infinity : Settings.millis(where, option, value))

const recordOf = (option: string, value: unknown): Record<string, unknown> => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw Settings.mustBe(where, option, "a record", value)
  return value as Record<string, unknown>
}

const needsOf = (value: unknown): Readonly<Record<string, number>> => {
  const needs: Record<string, number> = { jobs: 1 }
  for (const [resource, amount] of Object.entries(recordOf("needs", value))) {
    if (amount !== undefined) needs[resource] = Settings.whole(where, `needs.${resource}`, amount, 0)
  }
  return needs
}

const signatureOf = (needs: Readonly<Record<string, number>>): string =>
  needs === oneJob
    ? "jobs:1"
    : Object.keys(needs)
        .filter((resource) => needs[resource] !== 0)
        .toSorted()
        .map((resource) => `${resource}:${needs[resource]}`)
        .join("\n")

const labelsOf = (value: unknown): Readonly<Record<string, string>> => {
  const labels: Record<string, string> = {}
  for (const [label, word] of Object.entries(recordOf("labels", value))) {
    if (typeof word !== "string") throw Settings.mustBe(where, `labels.${label}`, "a string", word)
    labels[label] = word
  }
  return labels
}

export const make = (name: string, options: object): Description => {
  if (typeof name !== "string" || name === "") throw Settings.mustBe(where, "name", "a string that is not empty", name)
  Settings.known(where, options, known)
  return new Description(name, options)
}
