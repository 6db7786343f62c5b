/** Programs on which an engine was wrong once, as small as they became. */
import type { JobSpec, Program, Step, Work } from "./language.ts"

const job = (work: Partial<Work>, spec: Partial<Omit<JobSpec, "work">> = {}): JobSpec => ({
  work: { takes: 0, wrong: 0, how: "fail", cleanup: 0, stubborn: false, ...work },
  after: [],
  links: "all",
  inputs: [],
  needs: {},
  priority: "normal",
  backOff: 0,
  ...spec
})

const together = (...jobs: ReadonlyArray<JobSpec>): Step => ({ wait: 0, action: { do: "submit", how: "together", jobs } })

const rest = { limits: { jobs: 2, a: 2, b: 2 }, onClose: "drain", closeAfter: 60 } as const

export const found: Readonly<Record<string, Program>> = {
  "an attempt that is abandoned at its limit keeps what it took": {
    ...rest,
    grace: 0,
    steps: [together(job({ cleanup: 4 }, { attemptTimeout: 1 }), job({}, { needs: { jobs: 2 } }))]
  },
  "an upstream job that is skipped in the step that submits it counts once": {
    ...rest,
    steps: [
      together(job({ wrong: 9 })),
      {
        wait: 1,
        action: {
          do: "submit",
          how: "together",
          jobs: [
            job({}, { after: [{ back: 0, by: "job" }] }),
            job({ takes: 5 }),
            job(
              {},
              {
                after: [
                  { back: 0, by: "job" },
                  { back: 1, by: "job" }
                ],
                links: "any"
              }
            )
          ]
        }
      }
    ]
  },
  "a job that has its limits when the engine is closed does not keep it in a circle": {
    ...rest,
    onClose: "interrupt",
    grace: 0,
    closeAfter: 0,
    steps: [together(job({ wrong: 9 }, { retry: 1, attemptTimeout: 1 }), job({ wrong: 9, stubborn: true }, { priority: "high" }))]
  },
  "the close ends after the last end was told": {
    ...rest,
    closeAfter: 5,
    steps: [
      together(
        job({ takes: 13 }),
        job({ wrong: 2 }, { after: [{ back: 0, by: "job", ends: ["ended"] }], retry: 1, backOff: 3, timeout: 1, attemptTimeout: 1 })
      )
    ]
  },
  "an abandoned job that waits for another lends what it still holds": {
    ...rest,
    grace: 0,
    closeAfter: 0,
    steps: [
      together(
        job({ wrong: 9, cleanup: 4 }, { priority: "low", retry: 1 }),
        job({}, { priority: "high" }),
        job({ takes: 3, stubborn: true, waits: 1 }, { timeout: 1 })
      ),
      together(job({ cleanup: 1 }, { inputs: [{ back: 0, as: "outcome" }], needs: { jobs: 2 }, timeout: 1 }))
    ]
  },
  "what was scarce for one who waits is there for others when it is free again": {
    ...rest,
    limits: { jobs: 3, a: 2, b: 2 },
    steps: [
      together(job({ takes: 13 }, { needs: { a: 2 } }), job({ takes: 1 }), job({ takes: 1 }), job({}, { needs: { a: 1 } })),
      { wait: 3, action: { do: "submit", how: "together", jobs: [job({}), job({})] } }
    ]
  },
  "a job that is cancelled while its attempt is being stopped is not tried again": {
    ...rest,
    steps: [
      together(job({ takes: 13, wrong: 9, stubborn: true }, { retry: 1, backOff: 2, attemptTimeout: 1 })),
      { wait: 5, action: { do: "cancel", run: 0 } }
    ]
  }
}
