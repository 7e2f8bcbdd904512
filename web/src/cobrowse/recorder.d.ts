import "@rrweb/record";

/** What bundle.mjs adds to rrweb's recorder: which nodes of a page it sees. */
declare module "@rrweb/record" {
  export const hooks: {
    /** The children of an element, document or shadow root that a full picture holds. */
    children: (parent: Node) => Node[];
    /** Whether a node that was added is left out; `target` is the parent of the uppermost of what was added. */
    omits: (node: Node, target: Node | undefined, known: boolean) => boolean;
    /** Whether a node was left out. */
    omitted: (node: Node | null) => boolean;
  };
}
