/** What tests of all packages share: subjects, laws, recorders, leak checks, and the random programs. */
export * from "./expectations.ts"
export * from "./law.ts"
export * from "./recorder.ts"
export * from "./seeds.ts"
export * from "./subject.ts"
export * from "./work.ts"
