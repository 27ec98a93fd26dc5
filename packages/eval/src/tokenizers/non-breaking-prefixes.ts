/** Words whose final dot does not end a sentence, as METEOR's English list has them. Case counts. */
const PREFIXES = new Set(
  (
    "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z Adj Adm Adv Asst Bart Bldg Brig Bros Capt Cmdr Col Comdr Con Corp Cpl DR Dr Drs Ens " +
    "Gen Gov Hon Hr Hosp Insp Lt MM MR MRS MS Maj Messrs Mlle Mme Mr Mrs Ms Msgr Op Ord Pfc Ph Prof Pvt Rep Reps Res Rev Rt Sen Sens Sfc Sgt " +
    "Sr St Supt Surg v vs i.e rev e.g Nos Nr"
  ).split(" "),
);

/** These keep their dot only before a number: "No. 5". */
const NUMERIC_PREFIXES = new Set(["No", "Art", "pp"]);

export function isPrefix(word: string): boolean {
  return PREFIXES.has(word);
}

export function isNumericPrefix(word: string): boolean {
  return NUMERIC_PREFIXES.has(word);
}
