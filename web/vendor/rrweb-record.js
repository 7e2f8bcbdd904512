export * from "@rrweb/record";
