/** The description of a job, read and checked once. */
import * as Settings from "@skein/core/Settings"
import type * as Condition from "../Condition.ts"
import { type Backoff, isBackoff, readBackoff, scheduleOf } from "./backoff.ts"
import { condition as readCondition } from "./condition/read.ts"
import { all, maskOf } from "./ends.ts"
import { type Group, groupsOf, JobTypeId, type Place, placesOf } from "./references.ts"
import type { Work } from "./work.ts"

/** The options that every kind of job has. */
export const known = [
  "id",
  "after",
  "when",
  "needs",
  "priority",
  "retry",
  "timeout",
  "attemptTimeout",
  "queueTimeout",
  "onUpstream",
  "onLost",
  "durability",
  "flavour",
  "labels",
  "key"
] as const

export type Given = { readonly [K in (typeof known)[number]]?: unknown }

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
  readonly work: Work
  readonly input: unknown
  /** The options as they were given. */
  readonly given: Given
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
  /** The retries where they were given as data. */
  readonly backoff: Backoff | undefined
  readonly timeout: number
  readonly attemptTimeout: number
  readonly queueTimeout: number
  readonly waives: boolean
  readonly onLost: "resume" | "fail"
  readonly ephemeral: boolean
  readonly flavour: string | undefined
  readonly labels: Readonly<Record<string, string>>
  readonly key: string | undefined
  readonly createdAt: number

  constructor(where: string, name: string, work: Work, input: unknown, o: Given, createdAt = Date.now()) {
    if (typeof name !== "string" || name === "") throw Settings.mustBe(where, "name", "a string that is not empty", name)
    this.name = wellFormed(where, "name", name)
    this.work = work
    this.input = input
    this.given = o
    this.id = nonEmpty(where, "id", o.id)
    this.key = nonEmpty(where, "key", o.key)
    this.flavour = nonEmpty(where, "flavour", o.flavour)
    const places = input === undefined ? [] : placesOf(where, input)
    this.places = places.length === 0 ? noPlaces : new Map(places.map((place, i) => [place, i]))
    const groups = [...places.map(groupOfPlace), ...groupsOf(where, o.after)]
    this.groups = groups.length === 0 ? noGroups : groups
    this.when = o.when === undefined ? undefined : readCondition(where, "when", o.when)
    this.needs = needsOf(where, o.needs, this.flavour)
    this.signature = signatureOf(this.needs)
    this.level = o.priority === undefined ? 1 : levels.indexOf(Settings.oneOf(where, "priority", o.priority, levels))
    this.backoff = retriesOf(where, o.retry)
    this.retry =
      o.retry === undefined
        ? undefined
        : Settings.read(where, { retry: this.backoff === undefined ? o.retry : scheduleOf(this.backoff) }, []).retry
    this.timeout = time(where, "timeout", o.timeout)
    this.attemptTimeout = time(where, "attemptTimeout", o.attemptTimeout)
    this.queueTimeout = time(where, "queueTimeout", o.queueTimeout)
    this.waives = Settings.oneOf(where, "onUpstream", o.onUpstream, ["skip", "run"]) === "run"
    this.onLost = o.onLost === undefined ? work.onLost : Settings.oneOf(where, "onLost", o.onLost, ["resume", "fail"])
    this.ephemeral = Settings.oneOf(where, "durability", o.durability, ["stored", "ephemeral"]) === "ephemeral"
    this.labels = o.labels === undefined ? noLabels : labelsOf(where, o.labels)
    this.createdAt = createdAt
  }

  /** The same job with other options. */
  with(where: string, options: Given): Description {
    return new Description(where, this.name, this.work, this.input, { ...this.given, ...options })
  }
}

/** Retries as data, where they are; a `Schedule` or a predicate is none. */
const retriesOf = (where: string, retry: unknown): Backoff | undefined => (isBackoff(retry) ? readBackoff(where, retry) : undefined)

const groupOfPlace = (place: Place): Group => ({
  kind: place.isResult ? "result" : "outcome",
  members: [{ ref: place.ref, mask: place.isResult ? maskOf.completed : all }]
})

/** Half of a pair of surrogates is no character, and files keep none. */
const wellFormed = (where: string, option: string, text: string): string => {
  if (text.isWellFormed()) return text
  throw Settings.mustBe(where, option, "well-formed text", text)
}

/** The entries of a record that names things. */
export const namesOf = (where: string, option: string, value: unknown): ReadonlyArray<readonly [string, unknown]> => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw Settings.mustBe(where, option, "a record", value)
  const entries = Object.entries(value)
  for (const [name] of entries) {
    if (name === "__proto__") throw Settings.mustBe(where, option, "a record without __proto__", name)
    wellFormed(where, option, name)
  }
  return entries
}

const nonEmpty = (where: string, option: string, value: unknown): string | undefined => {
  if (value === "") throw Settings.mustBe(where, option, "a string that is not empty", value)
  const text = Settings.text(where, option, value)
  return text === undefined ? undefined : wellFormed(where, option, text)
}

const time = (where: string, option: string, value: unknown): number =>
  value === undefined ? Infinity : Settings.millis(where, option, value)

const needsOf = (where: string, value: unknown, flavour: string | undefined): Readonly<Record<string, number>> => {
  if (value === undefined && flavour === undefined) return oneJob
  const needs: Record<string, number> = { jobs: 1, ...(flavour === undefined ? {} : { [flavour]: 1 }) }
  for (const [resource, amount] of value === undefined ? [] : namesOf(where, "needs", value)) {
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

const labelsOf = (where: string, value: unknown): Readonly<Record<string, string>> => {
  const labels: Record<string, string> = {}
  for (const [label, word] of namesOf(where, "labels", value)) {
    if (typeof word !== "string") throw Settings.mustBe(where, `labels.${label}`, "a string", word)
    labels[label] = wellFormed(where, `labels.${label}`, word)
  }
  return labels
}
