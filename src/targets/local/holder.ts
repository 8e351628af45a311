/** What the agent, and whoever starts it, may ask of the edge's processes: to be there, to be renewed, to end. */
export { holderOf, startHolder, stopHolder, upgradeEdge } from "./edge/start.ts";
