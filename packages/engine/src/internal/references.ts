/** How one job refers to another: by what it waits for, and by the places in its input that the other's result is put into. */
import * as Settings from "@skein/core/Settings"
import type * as Job from "../Job.ts"
import { all, type Mask, maskOf, words } from "./ends.ts"

export const JobTypeId: unique symbol = Symbol.for("@skein/engine/Job")
export const HandleTypeId: unique symbol = Symbol.for("@skein/engine/Job/Handle")
export const ResultTypeId: unique symbol = Symbol.for("@skein/engine/Job/result")
export const OutcomeTypeId: unique symbol = Symbol.for("@skein/engine/Job/outcome")
const DependencyTypeId: unique symbol = Symbol.for("@skein/engine/Job/dependency")

/** A job that is depended on, and the ends that will do. */
export interface Member {
  readonly ref: Job.Ref<any, any>
  readonly mask: Mask
}

/** All or any of some jobs, each ending in one of the ways named. */
export interface Dependency {
  readonly [DependencyTypeId]: { readonly mode: "all" | "any"; readonly members: ReadonlyArray<Member> }
}

/** The place of a result or of an end. */
export class Place {
  readonly ref: Job.Ref<any, any>
  constructor(ref: Job.Ref<any, any>, kind: typeof ResultTypeId | typeof OutcomeTypeId) {
    this.ref = ref
    Object.defineProperty(this, kind, { value: kind })
  }
  get isResult(): boolean {
    return ResultTypeId in this
  }
}

export const isJob = (value: unknown): value is Job.Job<unknown, unknown, unknown> => has(value, JobTypeId)
export const isHandle = (value: unknown): value is Job.Handle<unknown, unknown> => has(value, HandleTypeId)
const isDependency = (value: unknown): value is Dependency => has(value, DependencyTypeId)

const has = (value: unknown, key: symbol): boolean => typeof value === "object" && value !== null && key in value

const refOf = (where: string, option: string, value: unknown): Job.Ref<any, any> => {
  if (isJob(value) || isHandle(value) || (typeof value === "string" && value !== "")) return value as Job.Ref<any, any>
  throw new TypeError(Settings.mustBe(where, option, "a Job, a handle or an id", value).message)
}

export const result: {
  <A>(other: Job.Job<A, any, any> | Job.Handle<A, any>): Job.ResultOf<A>
  (id: string): Job.ResultOf<unknown>
} = (other: Job.Ref<any, any>) => new Place(refOf("Job.result", "other", other), ResultTypeId) as never

export const outcome: {
  <A, E>(other: Job.Job<A, E, unknown> | Job.Handle<A, E>): Job.OutcomeOf<A, E>
  (id: string): Job.OutcomeOf<unknown, unknown>
} = (other: Job.Ref<any, any>) => new Place(refOf("Job.outcome", "other", other), OutcomeTypeId) as never

const masksOf = (where: string, ends: unknown): Mask => {
  if (ends === undefined) return maskOf.completed
  const list: ReadonlyArray<unknown> = Array.isArray(ends) ? ends : [ends]
  if (list.length === 0) throw Settings.mustBe(where, "ends", "at least one word", ends)
  let mask = 0
  for (const end of list) mask |= end === "ended" ? all : maskOf[Settings.oneOf(where, "ends", end ?? null, words)]
  return mask
}

const dependency = (mode: "all" | "any", members: ReadonlyArray<Member>): Dependency => ({ [DependencyTypeId]: { mode, members } })

export const on = (other: Job.Ref<any, any>, ends: Job.WantedEnd | ReadonlyArray<Job.WantedEnd>): Dependency =>
  dependency("all", [{ ref: refOf("Job.on", "other", other), mask: masksOf("Job.on", ends) }])

const membersOf = (where: string, others: unknown, ends: unknown): ReadonlyArray<Member> => {
  if (!Array.isArray(others)) throw Settings.mustBe(where, "others", "an array", others)
  const mask = masksOf(where, ends)
  return others.flatMap((other: unknown): ReadonlyArray<Member> => {
    if (!isDependency(other)) return [{ ref: refOf(where, "others", other), mask }]
    const { members } = other[DependencyTypeId]
    if (members.length !== 1) throw Settings.mustBe(where, "others", "jobs or what Job.on gives", other)
    return members
  })
}

export const afterAll = (
  others: ReadonlyArray<Job.Ref<any, any> | Dependency>,
  ends?: Job.WantedEnd | ReadonlyArray<Job.WantedEnd>
): Dependency => dependency("all", membersOf("Job.afterAll", others, ends))

export const afterAny = (
  others: ReadonlyArray<Job.Ref<any, any> | Dependency>,
  ends?: Job.WantedEnd | ReadonlyArray<Job.WantedEnd>
): Dependency => {
  const members = membersOf("Job.afterAny", others, ends)
  if (members.length === 0) throw Settings.mustBe("Job.afterAny", "others", "an array of at least one job", others)
  return dependency("any", members)
}

/** What has to have ended: in an `all` group each member, in an `any` group one. A `hard` group cannot be waived by `onUpstream`. */
export interface Group {
  readonly kind: "result" | "outcome" | "after" | "either"
  readonly members: ReadonlyArray<Member>
}

/** Reads the option `after`. */
export const groupsOf = (where: string, after: unknown): Array<Group> => {
  if (after === undefined) return []
  const groups: Array<Group> = []
  for (const item of Array.isArray(after) ? (after as ReadonlyArray<unknown>) : [after]) {
    if (!isDependency(item)) groups.push({ kind: "after", members: [{ ref: refOf(where, "after", item), mask: maskOf.completed }] })
    else if (item[DependencyTypeId].mode === "any") groups.push({ kind: "either", members: item[DependencyTypeId].members })
    else for (const member of item[DependencyTypeId].members) groups.push({ kind: "after", members: [member] })
  }
  return groups
}

const isPlain = (value: object): boolean => {
  const proto: unknown = Object.getPrototypeOf(value)
  return proto === Object.prototype || proto === null
}

/** Finds the places in an input. */
export const placesOf = (where: string, input: unknown): ReadonlyArray<Place> => {
  const places: Array<Place> = []
  const above = new Set<object>()
  const seen = new Set<object>()
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return
    if (value instanceof Place) return void places.push(value)
    if (!Array.isArray(value) && !isPlain(value)) return
    if (above.has(value)) throw Settings.mustBe(where, "input", "free of circles", value)
    if (seen.has(value)) return
    seen.add(value)
    above.add(value)
    for (const key of Object.keys(value)) visit((value as Record<string, unknown>)[key])
    above.delete(value)
  }
  visit(input)
  return places
}

/** Copies an input with what `valueOf` gives in the place of each place. What holds no place is handed over as it is. */
export const resolve = (input: unknown, valueOf: (place: Place) => unknown): unknown => {
  const copies = new Map<object, unknown>()
  const copy = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value
    if (value instanceof Place) return valueOf(value)
    if (!Array.isArray(value) && !isPlain(value)) return value
    if (copies.has(value)) return copies.get(value)
    let changed = false
    const out: Record<string, unknown> = Array.isArray(value)
      ? (Array.from({ length: value.length }) as never)
      : Object.create(Object.getPrototypeOf(value) as object | null)
    for (const key of Object.keys(value)) {
      const before = (value as Record<string, unknown>)[key]
      const after = copy(before)
      if (after !== before) changed = true
      // A key may be called `__proto__`.
      Object.defineProperty(out, key, { value: after, enumerable: true, writable: true, configurable: true })
    }
    const done = changed ? out : value
    copies.set(value, done)
    return done
  }
  return copy(input)
}
