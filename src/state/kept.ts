/** So many closed deployments of a key keep their events; older ones are a history row. Design, "State and engine". */
export const KEPT_JOURNALS = 50;
