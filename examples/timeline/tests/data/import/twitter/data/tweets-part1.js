window.YTD.tweets.part1 = [
 {
  "tweet": {
   "id_str": "1007",
   "id": "1007",
   "created_at": "Wed Oct 10 20:19:31 +0000 2018",
   "full_text": "A tpyo",
   "lang": "en",
   "retweeted": false,
   "entities": {
    "hashtags": [],
    "urls": [],
    "user_mentions": [],
    "symbols": []
   },
   "edit_info": {
    "initial": {
     "editTweetIds": [
      "1007",
      "1008"
     ],
     "editableUntil": "x"
    }
   }
  }
 },
 {
  "tweet": {
   "id_str": "1008",
   "id": "1008",
   "created_at": "Wed Oct 10 20:19:32 +0000 2018",
   "full_text": "A typo",
   "lang": "en",
   "retweeted": false,
   "entities": {
    "hashtags": [],
    "urls": [],
    "user_mentions": [],
    "symbols": []
   },
   "edit_info": {
    "edit": {
     "initialTweetId": "1007",
     "editControlInitial": {
      "editTweetIds": [
       "1007",
       "1008"
      ]
     }
    }
   }
  }
 },
 {
  "tweet": {
   "id_str": "1009",
   "id": "1009",
   "created_at": "Mon Feb 20 08:12:30 +0000 2023",
   "full_text": "A long one that begins here and is cut\u2026 https://t.co/long",
   "lang": "en",
   "retweeted": false,
   "entities": {
    "hashtags": [],
    "urls": [],
    "user_mentions": [],
    "symbols": []
   }
  }
 },
 {
  "tweet": "odd"
 }
]