/** The signals, queries and updates a run takes: shared by the workflow and its clients. */
import { defineQuery, defineUpdate } from '@temporalio/workflow';
import type { RunProgress, StoredCheckpoint, Validation } from '../contract/progress.ts';
import type { PromotionDecision } from '../contract/promotion.ts';

/** How far the run is: stages, training milestones, and the result when it is done. */
export const progressQuery = defineQuery<RunProgress>('progress');

/** Saves the state, frees the GPU and waits; answered once that is so. */
export const pauseUpdate = defineUpdate<void>('pause');

/** Goes on where `pause` has stopped. */
export const resumeUpdate = defineUpdate<void>('resume');

/** Stores the state that training has reached; answered once it is durable, with the key of its manifest. */
export const checkpointNowUpdate = defineUpdate<StoredCheckpoint>('checkpointNow');

/** Validates the state that training has reached; nothing is decided by it. */
export const validateNowUpdate = defineUpdate<Validation>('validateNow');

/** Tries the stage that has failed again; refused where the run is not held. */
export const retryUpdate = defineUpdate<void>('retry');

/** Trains with this rate in the place of `training.learningRate.initial`, from the next milestone on; refused where none comes before the end. */
export const setLearningRateUpdate = defineUpdate<void, [rate: number]>('setLearningRate');

/** Ends training at the step it has reached; predictions and report follow as after the last one. */
export const stopAndFinishUpdate = defineUpdate<void>('stopAndFinish');

/** Trains for so many epochs in all, more than are planned. */
export const extendEpochsUpdate = defineUpdate<void, [plan: { readonly epochs: number }]>(
  'extendEpochs',
);

/** Lets a model that passed the gate become the champion; refused while none awaits that. */
export const approvePromotionUpdate = defineUpdate<void, [decision: PromotionDecision]>(
  'approvePromotion',
);

/** Keeps the champion that there is; refused likewise. */
export const rejectPromotionUpdate = defineUpdate<void, [decision: PromotionDecision]>(
  'rejectPromotion',
);
