import { ofReading } from "./rule.ts";

export const acknowledgementUnused = ofReading({
  code: "TEAL-M105",
  name: "acknowledgement-unused",
  title: "An acknowledgement accepts nothing",
  class: "practice",
  certainty: "certain",
  phase: "never",
  why: "The statement it stands at has no such finding, so the comment accepts nothing. Left there, it would hide the next one that comes.",
  evidence: "Each acknowledgement is held against the findings of its statement.",
  bad: "-- teal: acknowledge TEAL-M201 no longer read since v40\nSELECT 1;",
  good: "-- teal: acknowledge TEAL-M201 no longer read since v40\nALTER TABLE users DROP COLUMN mail;",
});
