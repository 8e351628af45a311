import { ofReading } from "./rule.ts";

export const acknowledgementNotUnderstood = ofReading({
  code: "TEAL-M104",
  name: "acknowledgement-not-understood",
  title: "An acknowledgement is not understood",
  class: "unread",
  certainty: "certain",
  phase: "never",
  why: "A comment speaks to Teal in words it does not know, or gives no reason. What it was meant to accept is not accepted.",
  evidence: "The form is: -- teal: acknowledge CODE REASON.",
  bad: "-- teal: acknowledge TEAL-M201\nSELECT 1;",
  good: "-- an ordinary comment\nSELECT 1;",
});
