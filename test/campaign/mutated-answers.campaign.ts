import { testMutatedAnswers } from "../sync/mutated-answers.ts";

testMutatedAnswers({ runs: 10_000 });
