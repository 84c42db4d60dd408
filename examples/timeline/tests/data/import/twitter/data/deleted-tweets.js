window.YTD.deleted_tweets.part0 = [
 {
  "tweet": {
   "id_str": "900",
   "full_text": "SECRET deleted"
  }
 }
]