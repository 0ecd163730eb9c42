import { testMutatedAnswers } from "./mutated-answers.ts";

testMutatedAnswers({ runs: 1000 });
