import { ofReading } from "./rule.ts";

export const copyDataWithoutEnd = ofReading({
  code: "TEAL-M106",
  name: "copy-data-without-end",
  title: "The data of COPY has no end",
  class: "unread",
  certainty: "certain",
  phase: "never",
  why: "The line that ends the data of COPY FROM stdin is missing. All that follows counts as data and was not judged.",
  evidence: "psql reads until a line that is \\. alone.",
  bad: "COPY users FROM stdin;\n1\tann",
  good: "COPY users FROM stdin;\n1\tann\n\\.",
});
