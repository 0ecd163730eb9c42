import { testFullDiskCycles } from "./full-disk-cycles.ts";

testFullDiskCycles({ cycles: 20 });
