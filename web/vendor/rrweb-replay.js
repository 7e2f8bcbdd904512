export * from "@rrweb/replay";
